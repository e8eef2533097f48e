"""Events: making, reading, changing and cancelling them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import participation, rules
from notilog.calendar.drafts import Changes, Draft, Notification, changed_schedule, schedule_of
from notilog.calendar.occurrences import Schedule
from notilog.calendar.rules import rules_of
from notilog.calendar.tables import EventRow, ParticipantRow, ReminderRow
from notilog.calendar.visibility import Seen, look_up, look_up_own
from notilog.errors import Stale
from notilog.notifications import deliveries
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

TOLD = ("name", "description", "start_time", "end_time", "timezone", "all_day")
"""What a reminder says; with the rules and the participants, what a change decides anew."""


@dataclass(frozen=True, slots=True)
class Participation:
    """A person asked to an event, and what they decided."""

    login: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as one caller sees it: without details there is only that the time is taken."""

    id: UUID
    start_time: datetime
    end_time: datetime
    timezone: str
    all_day: bool
    visibility: str
    version: int
    author: str | None = None
    name: str | None = None
    description: str | None = None
    notifications: tuple[Notification, ...] = ()
    participants: tuple[Participation, ...] = ()


async def create(tx: AsyncSession, caller: Caller, *, draft: Draft, now: datetime) -> Event:
    """Make an event of the caller's, ask its participants and plan its reminders.

    Raises:
        Invalid: naming each field that is wrong.
    """
    timezone = draft.timezone or await _timezone_of(tx, caller.user_id)
    schedule = schedule_of(
        draft.start_time, draft.end_time, timezone=timezone, all_day=draft.all_day
    )
    wished = rules_of(draft.notifications)
    asked = await participation.people(tx, draft.participants, field="participants")
    event = EventRow(
        author_id=caller.user_id,
        name=draft.name,
        description=draft.description,
        visibility=draft.visibility,
        version=1,
        created_at=now,
        updated_at=now,
    )
    event.schedule = schedule
    tx.add(event)
    await tx.flush()
    await participation.invite(tx, event, user_ids=asked.values())
    await rules.plan(tx, event.id, rules=wished, schedule=schedule, now=now)
    return await _view(tx, Seen(event, details=True))


async def get(tx: AsyncSession, caller: Caller, *, event_id: UUID) -> Event:
    """One event.

    Raises:
        NotFound: there is none, it is cancelled, or the caller may not know of it.
    """
    return await _view(tx, await look_up(tx, caller, event_id=event_id))


async def change(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    changes: Changes,
    expected: Collection[int] | None,
    now: datetime,
) -> Event:
    """Change an event; what it did not remind of yet is decided anew.

    When the time moves, every participant is asked again. ``expected`` are the versions that the
    caller knows; None takes any.

    Raises:
        NotFound: there is none, it is cancelled, or the caller may not know of it.
        Forbidden: the caller is neither its author nor an administrator.
        Stale: the event has another version by now.
        Invalid: naming each field that is wrong.
    """
    event = await look_up_own(tx, caller, event_id=event_id)
    _check_version(event, expected)
    before, schedule = event.schedule, changed_schedule(event.schedule, changes)
    _write(event, changes, schedule=schedule, now=now)
    await tx.flush()
    if changes.participants is not None:
        asked = await participation.people(tx, changes.participants, field="participants")
        await participation.replace(tx, event, user_ids=asked.values())
    if schedule.first != before.first:
        await participation.ask_again(tx, event)
    if _decides_anew(changes):
        await _remind_anew(tx, event, changes=changes, before=before, now=now)
    return await _view(tx, Seen(event, details=True))


async def cancel(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    expected: Collection[int] | None,
    now: datetime,
) -> None:
    """Cancel an event: it disappears, and nobody is reminded of it any more.

    Raises:
        NotFound, Forbidden, Stale: as `change`.
    """
    event = await look_up_own(tx, caller, event_id=event_id)
    _check_version(event, expected)
    event.cancelled_at = event.updated_at = now
    event.version += 1
    await rules.silence(tx, await rules.hold(tx, event_id))
    await deliveries.withdraw(tx, event_id)


def _check_version(event: EventRow, expected: Collection[int] | None) -> None:
    if expected is not None and event.version not in expected:
        raise Stale(f"the event has version {event.version} by now; read it again")


def _write(event: EventRow, changes: Changes, *, schedule: Schedule, now: datetime) -> None:
    for name in ("name", "description", "visibility"):
        value = getattr(changes, name)
        if value is not None:
            setattr(event, name, value)
    event.schedule = schedule
    event.updated_at = now
    event.version += 1


def _decides_anew(changes: Changes) -> bool:
    return any(
        getattr(changes, name) is not None for name in (*TOLD, "notifications", "participants")
    )


async def _remind_anew(
    tx: AsyncSession, event: EventRow, *, changes: Changes, before: Schedule, now: datetime
) -> None:
    schedule = event.schedule
    held = await rules.hold(tx, event.id)
    waiting = None
    if schedule.starts_at == before.starts_at:
        waiting = await rules.unsent(tx, event.id)
    await deliveries.withdraw(tx, event.id)
    if changes.notifications is not None:
        wished = rules_of(changes.notifications)
        held = await rules.replace(
            tx, event.id, held=held, rules=wished, schedule=schedule, now=now
        )
    await rules.replan(tx, held, schedule=schedule, waiting=waiting, now=now)


async def _timezone_of(tx: AsyncSession, user_id: UUID) -> str:
    return str(await tx.scalar(select(UserRow.timezone).where(UserRow.id == user_id)))


async def _view(tx: AsyncSession, seen: Seen) -> Event:
    event = seen.event
    first = event.schedule.first
    taken = Event(
        id=event.id,
        start_time=first.start,
        end_time=first.end,
        timezone=event.timezone,
        all_day=event.all_day,
        visibility=event.visibility,
        version=event.version,
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
        notifications=tuple(Notification(*wish) for wish in wishes),
        participants=tuple(Participation(*person) for person in people),
    )
