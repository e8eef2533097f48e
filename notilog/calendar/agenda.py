"""The agenda of one or several people: every occurrence that touches a window of time."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from heapq import merge
from itertools import islice
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import overrides, participation
from notilog.calendar.intervals import Interval
from notilog.calendar.participation import people
from notilog.calendar.series import Happening, Series
from notilog.calendar.tables import EventRow
from notilog.calendar.touching import Touching, touching
from notilog.calendar.visibility import sees_details
from notilog.errors import Invalid
from notilog.users.caller import Caller
from notilog.users.tables import UserRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An occurrence, and who of those asked about takes part.

    Without the details there is only that the time is taken, and of a private event not even the
    id, which would not be of use.
    """

    event_id: UUID | None
    original_start: datetime
    start_time: datetime
    end_time: datetime
    timezone: str
    all_day: bool
    visibility: str
    busy: bool
    repeats: bool
    logins: tuple[str, ...]
    author: str | None = None
    name: str | None = None
    description: str | None = None


NAME_LENGTH = 32
Place = tuple[datetime, str, datetime]
"""Where an occurrence stands in the list: its start, a name of its event, its original start.

Cursors tell the name to everybody, so it leads nowhere: the ids of private events are not told.
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """One occurrence among those of all events."""

    place: Place
    of: Touching
    happening: Happening
    coming: list[UUID]


async def listing(
    tx: AsyncSession,
    caller: Caller,
    *,
    logins: Sequence[str],
    window: Interval,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[Item], str | None]:
    """The occurrences of these people (of the caller when none is named), and the next cursor.

    Who has declined does not take part, except for themselves, who may think better of it.

    Raises:
        Invalid: an unknown login, an empty window or one with too many occurrences, or a cursor
            that this list did not give out.
    """
    if window.end <= window.start:
        raise Invalid.field("to", "must be later than from")
    asked = await people(tx, logins, field="login") or {caller.login: caller.user_id}
    after = None if cursor is None else _read(cursor)
    if after is not None:  # what begins earlier was on the pages before
        window = Interval(max(window.start, after[0]), window.end)
    events = await touching(tx, caller, asked.values(), window=window)
    everything = merge(*(_of(one, caller, window) for one in events), key=_place)
    found = list(islice((one for one in everything if not after or one.place > after), limit + 1))
    names = {user_id: login for login, user_id in asked.items()}
    items = [
        _item(one.of, one.happening, caller, (names[id_] for id_ in one.coming))
        for one in found[:limit]
    ]
    return items, _cursor(found[limit - 1].place) if len(found) > limit else None


async def one(
    tx: AsyncSession, caller: Caller, event: EventRow, *, original_start: datetime
) -> Item:
    """One occurrence, and who takes part in it.

    Raises:
        NotFound: there is none, or it is cancelled.
    """
    happening = await overrides.occurrence(tx, event, original_start=original_start)
    coming = await participation.coming(tx, event, original_start=original_start)
    statement = select(UserRow.id, UserRow.login).where(UserRow.id.in_({event.author_id, *coming}))
    names = dict((await tx.execute(statement)).all())
    series = Series(event.schedule)
    of = Touching(event, names[event.author_id], asked=True, series=series, decisions={}, apart={})
    return _item(of, happening, caller, names.values())


def _of(one: Touching, caller: Caller, window: Interval) -> Iterator[_Found]:
    """The occurrences of one event to which somebody who was asked about comes."""
    name = sha256(one.event.id.bytes).hexdigest()[:NAME_LENGTH]
    for happening in one.series.between(window.start, window.end):
        if coming := one.coming(happening.original_start, caller=caller.user_id):
            place = (happening.start, name, happening.original_start)
            yield _Found(place, one, happening, coming)


def _item(of: Touching, happening: Happening, caller: Caller, logins: Iterable[str]) -> Item:
    """As much of the occurrence as the caller may see."""
    event = of.event
    details = sees_details(event, caller, asked=of.asked)
    name, description = happening.words(event.name, event.description)
    return Item(
        event_id=event.id if details or event.visibility == "busy" else None,
        original_start=happening.original_start,
        start_time=happening.start,
        end_time=happening.end,
        timezone=event.timezone,
        all_day=event.all_day,
        visibility=event.visibility,
        busy=event.busy,
        repeats=event.repeat_type is not None,
        logins=tuple(sorted(logins)),
        author=of.author if details else None,
        name=name if details else None,
        description=description if details else None,
    )


def _place(found: _Found) -> Place:
    return found.place


def _cursor(place: Place) -> str:
    start, name, original_start = place
    return urlsafe_b64encode(
        f"{start.isoformat()} {name} {original_start.isoformat()}".encode()
    ).decode()


def _read(cursor: str) -> Place:
    try:
        start, name, original_start = urlsafe_b64decode(cursor).decode().split(" ")
        return (_instant(start), name, _instant(original_start))
    except ValueError:
        raise Invalid.field("cursor", "is not a cursor given out by this list") from None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
