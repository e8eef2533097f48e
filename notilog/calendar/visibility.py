"""Who sees what of an event.

Its author, its participants and administrators see all of it. Others see all of a ``public`` event
and only that the time is taken of any other; a ``private`` one they cannot even ask for by its id.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar.tables import EventRow, ParticipantRow
from notilog.errors import Forbidden, NotFound
from notilog.users.caller import Caller


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as far as the caller may see it."""

    event: EventRow
    details: bool


def takes_part(caller: Caller) -> ColumnElement[bool]:
    """Whether the caller was asked to the event of the surrounding query."""
    return exists().where(
        ParticipantRow.event_id == EventRow.id, ParticipantRow.user_id == caller.user_id
    )


def sees_details(event: EventRow, caller: Caller, *, asked: bool) -> bool:
    """Whether the caller sees more than that the time is taken."""
    inside = caller.is_admin or asked or event.author_id == caller.user_id
    return inside or event.visibility == "public"


async def look_up(
    tx: AsyncSession, caller: Caller, *, event_id: UUID, for_change: bool = False
) -> Seen:
    """Find an event; ``for_change`` keeps it from changing until this transaction ends.

    Raises:
        NotFound: there is none, it is cancelled, or the caller may not know of it.
    """
    statement = select(EventRow, takes_part(caller)).where(
        EventRow.id == event_id, EventRow.cancelled_at.is_(None)
    )
    if for_change:
        statement = statement.with_for_update(of=EventRow)
    found = (await tx.execute(statement)).one_or_none()
    if found is not None:
        event, asked = found
        details = sees_details(event, caller, asked=asked)
        if details or event.visibility == "busy":
            return Seen(event, details)
    raise NotFound(f"no event {event_id}")


async def look_up_own(tx: AsyncSession, caller: Caller, *, event_id: UUID) -> EventRow:
    """Find an event to change it; it stays as it is until this transaction ends.

    Raises:
        NotFound: as `look_up`.
        Forbidden: the caller is neither its author nor an administrator.
    """
    event = (await look_up(tx, caller, event_id=event_id, for_change=True)).event
    if not caller.is_admin and caller.user_id != event.author_id:
        raise Forbidden("only the author of an event changes it")
    return event
