"""An event as one caller sees it: all of it, or only that the time is taken."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar.drafts import Notification
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.tables import EventRow, ParticipantRow, ReminderRow
from notilog.calendar.visibility import Seen
from notilog.users.tables import UserRow


@dataclass(frozen=True, slots=True)
class Participation:
    """A person asked to an event, and what they decided."""

    login: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event; without details there is only that the time is taken.

    ``start_time`` and ``end_time`` are those of the first occurrence. ``asked_start`` is what the
    author wrote when their start did not match the repetition and was moved. ``follows`` is the
    series that this one continues.
    """

    id: UUID
    start_time: datetime
    end_time: datetime
    timezone: str
    all_day: bool
    visibility: str
    busy: bool
    version: int
    repetition: Repetition | None = None
    asked_start: datetime | None = None
    author: str | None = None
    name: str | None = None
    description: str | None = None
    follows: UUID | None = None
    notifications: tuple[Notification, ...] = ()
    participants: tuple[Participation, ...] = ()


async def shown(tx: AsyncSession, seen: Seen, *, asked_start: datetime | None = None) -> Event:
    """As much of the event as the caller may see."""
    event = seen.event
    first = event.schedule.first
    taken = Event(
        id=event.id,
        start_time=first.start,
        end_time=first.end,
        timezone=event.timezone,
        all_day=event.all_day,
        visibility=event.visibility,
        busy=event.busy,
        version=event.version,
        repetition=event.repetition,
        asked_start=asked_start if asked_start != first.start else None,
    )
    return await _with_details(tx, event, taken) if seen.details else taken


async def _with_details(tx: AsyncSession, event: EventRow, taken: Event) -> Event:
    author = await tx.scalar(select(UserRow.login).where(UserRow.id == event.author_id))
    wishes = await tx.execute(
        select(ReminderRow.before, ReminderRow.channel)
        .where(ReminderRow.event_id == event.id)
        .order_by(ReminderRow.id)
    )
    people = await tx.execute(
        select(UserRow.login, ParticipantRow.decision)
        .join(ParticipantRow, ParticipantRow.user_id == UserRow.id)
        .where(ParticipantRow.event_id == event.id)
        .order_by(UserRow.login)
    )
    return replace(
        taken,
        author=author,
        name=event.name,
        description=event.description,
        follows=event.follows,
        notifications=tuple(Notification(*wish) for wish in wishes),
        participants=tuple(Participation(*person) for person in people),
    )
