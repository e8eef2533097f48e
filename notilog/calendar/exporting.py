"""Events as other programs' calendars take them: a person's feed, and what invitations carry."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.calendar.drafts import EARLIEST_YEAR, Moment
from notilog.calendar.ics.exported import (
    Attendee,
    ExportedEvent,
    ExportedOverride,
    Person,
    busy_only,
)
from notilog.calendar.ics.writing import Method, write
from notilog.calendar.intervals import Interval
from notilog.calendar.occurrences import Schedule
from notilog.calendar.overrides import local_start
from notilog.calendar.series import Happening, Override, Series
from notilog.calendar.tables import EventRow, ReminderRow
from notilog.calendar.touching import Touching, any_of, touching
from notilog.calendar.visibility import sees_details
from notilog.notifications.channels.email import Config as EmailSettings
from notilog.users import accounts
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

PAST = timedelta(days=365)
EVER = datetime(EARLIEST_YEAR, 1, 1, tzinfo=UTC)
"""A rule in a file begins with its series, so the file needs every exception since then."""
FUTURE = timedelta(days=5 * 365)
"""How far a feed reaches, for what has no end and no rule that a file can hold."""
PARTSTATS = {
    "yes": "ACCEPTED",
    "maybe": "TENTATIVE",
    "no": "DECLINED",
    "undecided": "NEEDS-ACTION",
}
BUSY = {"en": "Busy", "ru": "Занято"}


async def feed(tx: AsyncSession, caller: Caller, *, login: str, now: datetime) -> bytes:
    """A person's calendar as the caller may see it, from a year ago on.

    Raises:
        NotFound: there is no such person.
    """
    person = await accounts.find(tx, login)
    viewer = await tx.get_one(UserRow, caller.user_id)
    window = Interval(now - PAST, now + FUTURE)
    found = await touching(tx, caller, [person.id], window=window, most=None, exceptions_from=EVER)
    alarms = await _alarms(tx, [one.event.id for one in found], person, caller)
    events = (
        _seen(
            replace(one, series=series),
            caller,
            alarms=alarms.get(one.event.id, ()),
            window=window,
            viewer=viewer,
        )
        for one in found
        if (series := _attended(one))
    )
    name = f"{person.first_name} {person.last_name}".strip()
    return write(events, method="PUBLISH", name=name)


def _attended(one: Touching) -> Series | None:
    """The occurrences that the person of the feed has not declined, if there are any."""
    series = one.series
    declined = {at for at, decisions in one.apart.items() if "no" in decisions.values()}
    if one.coming():
        changed = {
            at: replace(override, cancelled=override.cancelled or at in declined)
            for at, override in series.overrides.items()
        }
        return Series(series.schedule, changed)
    happenings = [series.at(at) for at in sorted(one.apart.keys() - declined)]
    return _only(one.event, [happening for happening in happenings if happening])


def _only(event: EventRow, happenings: Sequence[Happening]) -> Series | None:
    """These occurrences of the event, as a series without a rule."""
    if not happenings:
        return None
    named = {
        one.start: replace(
            one.override or Override(original_start=one.start, start=one.start, end=one.end),
            original_start=one.start,
            added=one is not happenings[0],
        )
        for one in happenings
    }
    start, end = (
        local_start(event.schedule, at) for at in (happenings[0].start, happenings[0].end)
    )
    schedule = replace(
        event.schedule,
        start_local=start,
        starts_at=happenings[0].start,
        duration=end - start if event.all_day else happenings[0].end - happenings[0].start,
        repetition=None,
    )
    return Series(schedule, named)


def _seen(
    one: Touching, caller: Caller, *, alarms: tuple[str, ...], window: Interval, viewer: UserRow
) -> ExportedEvent:
    event = replace(exported(one.event, one.series, window=window), alarms=alarms)
    if sees_details(one.event, caller, asked=one.asked):
        return event
    uid = f"{sha256(one.event.id.bytes).hexdigest()[:32]}@notilog"
    return busy_only(event, uid=uid, name=BUSY[viewer.language])


async def _alarms(
    tx: AsyncSession, event_ids: Collection[UUID], person: UserRow, caller: Caller
) -> Mapping[UUID, tuple[str, ...]]:
    """The reminders of one's own calendar; nobody wants to be alarmed of somebody else's."""
    found: dict[UUID, tuple[str, ...]] = {}
    if person.id != caller.user_id:
        return found
    statement = select(ReminderRow.event_id, ReminderRow.before).where(
        ReminderRow.event_id == any_of(event_ids)
    )
    for event_id, before in (await tx.execute(statement.distinct())).all():
        found[event_id] = (*found.get(event_id, ()), before)
    return found


def exported(event: EventRow, series: Series, *, window: Interval) -> ExportedEvent:
    """The whole event, without its people."""
    schedule = series.schedule
    kept = [one for one in series.overrides.values() if not one.cancelled]
    first = schedule.first
    return ExportedEvent(
        uid=event.ical_uid or f"{event.id}@notilog",
        sequence=event.version,
        created=event.created_at,
        updated=event.updated_at,
        name=event.name,
        description=event.description,
        start=_moment(event, first.start),
        end=_moment(event, first.end),
        timezone=event.timezone,
        all_day=event.all_day,
        visibility=event.visibility,  # type: ignore[arg-type]  # a constraint of the table
        busy=event.busy,
        repetition=schedule.repetition,
        excluded=tuple(
            sorted(
                one.original_start
                for one in series.overrides.values()
                if one.cancelled and not one.added
            )
        ),
        added=(*_added(event, kept), *_beyond_rules(event, series, window)),
        overrides=tuple(_overrides(event, schedule, kept)),
        raw=event.ical_raw,
    )


def _added(event: EventRow, kept: Sequence[Override]) -> Iterator[tuple[Moment, Moment]]:
    for one in kept:
        if one.added:
            yield _moment(event, one.start), _moment(event, one.end)


def _beyond_rules(
    event: EventRow, series: Series, window: Interval
) -> Iterator[tuple[Moment, Moment]]:
    """The occurrences of every second or rarer work day, which no rule of a file can say."""
    repetition = series.schedule.repetition
    if repetition is None or repetition.type != "workday" or repetition.each == 1:
        return
    for one in Series(series.schedule).between(window.start, window.end):
        if one.start != series.schedule.starts_at:
            yield _moment(event, one.start), _moment(event, one.end)


def _overrides(
    event: EventRow, schedule: Schedule, kept: Sequence[Override]
) -> Iterator[ExportedOverride]:
    for one in sorted(kept, key=lambda one: one.original_start):
        happening = Happening(one.start, one.end, one.original_start, one)
        words = happening.words(event.name, event.description)
        usual = (one.original_start, schedule.end_of(one.original_start))
        is_moved = not one.added and (one.start, one.end) != usual
        if not is_moved and words == (event.name, event.description):
            continue  # somebody's decision alone is no change
        yield ExportedOverride(
            original_start=one.start if one.added else one.original_start,
            start=_moment(event, one.start),
            end=_moment(event, one.end),
            name=words[0],
            description=words[1],
            raw=one.raw,
        )


def _moment(event: EventRow, instant: datetime) -> Moment:
    return local_start(event.schedule, instant).date() if event.all_day else instant


def invitation(
    event: EventRow,
    series: Series,
    *,
    author: UserRow,
    guest: UserRow,
    decision: str,
    cancelled: bool,
    now: datetime,
) -> dict[str, str]:
    """What a mail programme needs to offer an answer: the file and its method."""
    whole = exported(event, series, window=Interval(now, now + FUTURE))
    address = author.email or config.section(EmailSettings).envelope_from
    attendee = Attendee(_person(guest, guest.email or ""), PARTSTATS[decision])
    method: Method = "CANCEL" if cancelled else "REQUEST"
    mine = replace(whole, author=_person(author, address), participants=(attendee,), raw=None)
    return {"method": method, "text": write([mine], method=method).decode()}


def _person(user: UserRow, address: str) -> Person:
    return Person(address, f"{user.first_name} {user.last_name}".strip())
