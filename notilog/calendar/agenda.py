"""The agenda of one or several people: every occurrence that touches a window of time."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Row,
    Select,
    Uuid,
    any_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar.participation import people
from notilog.calendar.tables import EventRow, ParticipantRow
from notilog.calendar.visibility import sees_details, takes_part
from notilog.errors import Invalid
from notilog.users.caller import Caller
from notilog.users.tables import UserRow


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval."""

    start: datetime
    end: datetime


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
    logins: tuple[str, ...]
    author: str | None = None
    name: str | None = None


Found = Row[EventRow, str, bool, Any]
"""An event, its author's login, whether the caller was asked, and who else takes part."""


async def listing(
    tx: AsyncSession,
    caller: Caller,
    *,
    logins: Sequence[str],
    window: Window,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[Item], str | None]:
    """The occurrences of these people (of the caller when none is named), and the next cursor.

    Who has declined does not take part, except for themselves, who may think better of it.

    Raises:
        Invalid: an unknown login, an empty window, or a cursor that this list did not give out.
    """
    if window.end <= window.start:
        raise Invalid.field("to", "must be later than from")
    asked = await people(tx, logins, field="login") or {caller.login: caller.user_id}
    statement = _touching(caller, asked.values(), window).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(tuple_(EventRow.starts_at, EventRow.id) > _read(cursor))
    found = (await tx.execute(statement)).all()
    names = {user_id: login for login, user_id in asked.items()}
    items = [_item(row, caller=caller, names=names) for row in found[:limit]]
    return items, _cursor(found[limit - 1][0]) if len(found) > limit else None


def _touching(
    caller: Caller, user_ids: Collection[UUID], window: Window
) -> Select[EventRow, str, bool, Any]:
    them = any_(bindparam("user_ids", list(user_ids), type_=ARRAY(Uuid)))
    coming = (
        ParticipantRow.user_id == them,
        or_(ParticipantRow.decision != "no", ParticipantRow.user_id == caller.user_id),
    )
    here = (
        select(ParticipantRow.user_id)
        .where(ParticipantRow.event_id == EventRow.id, *coming)
        .correlate(EventRow)
        .scalar_subquery()
    )
    theirs = union_all(
        select(EventRow.id).where(EventRow.author_id == them),
        select(ParticipantRow.event_id).where(*coming),
    )
    return (
        select(EventRow, UserRow.login, takes_part(caller), func.array(here, type_=ARRAY(Uuid)))
        .join(UserRow, UserRow.id == EventRow.author_id)
        .where(
            EventRow.id.in_(theirs),
            EventRow.cancelled_at.is_(None),
            EventRow.starts_at < window.end,
            or_(EventRow.series_end > window.start, EventRow.starts_at >= window.start),
        )
        .order_by(EventRow.starts_at, EventRow.id)
    )


def _item(found: Found, *, caller: Caller, names: dict[UUID, str]) -> Item:
    event, author, asked, coming = found
    first = event.schedule.first
    details = sees_details(event, caller, asked=asked)
    return Item(
        event_id=event.id if details or event.visibility == "busy" else None,
        original_start=first.original_start,
        start_time=first.start,
        end_time=first.end,
        timezone=event.timezone,
        all_day=event.all_day,
        visibility=event.visibility,
        logins=tuple(sorted(names[id_] for id_ in {event.author_id, *coming} & names.keys())),
        author=author if details else None,
        name=event.name if details else None,
    )


def _cursor(last: EventRow) -> str:
    return urlsafe_b64encode(f"{last.starts_at.isoformat()} {last.id}".encode()).decode()


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        start, _, id_ = urlsafe_b64decode(cursor).decode().partition(" ")
        return datetime.fromisoformat(start).replace(tzinfo=UTC), UUID(id_)
    except ValueError:
        raise Invalid.field("cursor", "is not a cursor given out by this list") from None
