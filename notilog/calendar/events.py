"""Events: making, reading, changing and cancelling them."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import overrides, participation, rules, tidings
from notilog.calendar.drafts import Changes, Draft, changed_schedule, is_moved, schedule_of
from notilog.calendar.occurrences import Schedule
from notilog.calendar.participation import Replaced
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.rules import rules_of
from notilog.calendar.shown import Event, shown
from notilog.calendar.tables import EventRow
from notilog.calendar.visibility import Seen, look_up, look_up_own
from notilog.calendar.work_hours import WorkDays
from notilog.errors import Stale
from notilog.notifications import deliveries
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

TOLD = ("name", "description", "start_time", "end_time", "timezone", "all_day", "repetition")
"""What a reminder says; with the rules and the participants, what a change decides anew."""

MONDAY_TO_FRIDAY = (0, 4)


async def create(tx: AsyncSession, caller: Caller, *, draft: Draft, now: datetime) -> Event:
    """Make an event of the caller's, ask its participants and plan its reminders.

    Raises:
        Invalid: naming each field that is wrong.
    """
    author = await tx.get_one(UserRow, caller.user_id)
    schedule = schedule_of(
        draft.start_time,
        draft.end_time,
        timezone=draft.timezone or author.timezone,
        all_day=draft.all_day,
        repetition=_frozen(draft.repetition, author),
    )
    wished = rules_of(draft.notifications)
    people = await participation.people(tx, draft.participants, field="participants")
    event = EventRow(
        author_id=caller.user_id,
        name=draft.name,
        description=draft.description,
        visibility=draft.visibility,
        busy=draft.busy,
        version=1,
        created_at=now,
        updated_at=now,
    )
    event.schedule = schedule
    tx.add(event)
    await tx.flush()
    asked = await participation.invite(tx, event, user_ids=people.values())
    await rules.plan(tx, event, rules=wished, since=now, now=now)
    await tidings.tell(tx, event, {"invitation": asked}, now=now)
    return await shown(tx, Seen(event, details=True), asked_start=_asked(draft))


async def get(tx: AsyncSession, caller: Caller, *, event_id: UUID) -> Event:
    """One event.

    Raises:
        NotFound: there is none, it is cancelled, or the caller may not know of it.
    """
    return await shown(tx, await look_up(tx, caller, event_id=event_id))


async def change(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    changes: Changes,
    expected: Collection[int] | None,
    now: datetime,
) -> Event:
    """Change an event, of a series every occurrence; what was not reminded of is decided anew.

    When the time moves, every participant is asked again, and what was changed of single
    occurrences moves along. ``expected`` are the versions that the caller knows; None takes any.

    Raises:
        NotFound: there is none, it is cancelled, or the caller may not know of it.
        Forbidden: the caller is neither its author nor an administrator.
        Stale: the event has another version by now.
        Invalid: naming each field that is wrong.
    """
    event = await look_up_own(tx, caller, event_id=event_id)
    check_version(event, expected)
    await apply(tx, event, changes, now=now)
    return await shown(tx, Seen(event, details=True), asked_start=_asked(changes))


async def apply(tx: AsyncSession, event: EventRow, changes: Changes, *, now: datetime) -> None:
    """Change an event that this transaction holds, and all that follows from it.

    Raises:
        Invalid: naming each field that is wrong.
    """
    before, said = event.schedule, (event.name, event.description)
    after = changed_schedule(before, await _with_work_days(tx, event, changes))
    _write(event, changes, schedule=after, now=now)
    await tx.flush()
    if after != before:
        await overrides.shift(tx, event, before=before, after=after)
    replaced = Replaced()
    if changes.participants is not None:
        people = await participation.people(tx, changes.participants, field="participants")
        replaced = await participation.replace(tx, event, user_ids=people.values())
    if is_moved(before, after):
        await participation.ask_again(tx, event)
    for user_id in replaced.gone:
        await deliveries.withdraw(tx, event.id, user_id=user_id)
    if _decides_anew(changes):
        moved = is_moved(before, after)
        await _remind_anew(tx, event, changes=changes, is_moved=moved, now=now)
    is_told = after != before or (event.name, event.description) != said
    await tidings.tell_of_change(tx, event, replaced=replaced, is_told=is_told, now=now)


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
    check_version(event, expected)
    event.cancelled_at = now
    touch(event, now=now)
    await rules.silence(tx, await rules.hold(tx, event_id))
    await deliveries.withdraw(tx, event_id, kind=None)
    await tidings.tell(tx, event, {"cancellation": await participation.coming(tx, event)}, now=now)


def check_version(event: EventRow, expected: Collection[int] | None) -> None:
    """Refuse a change by somebody who knows an older version.

    Raises:
        Stale: the event has another version by now.
    """
    if expected is not None and event.version not in expected:
        raise Stale(f"the event has version {event.version} by now; read it again")


def touch(event: EventRow, *, now: datetime) -> None:
    """Note that the event is another one from now on."""
    event.updated_at = now
    event.version += 1


def _write(event: EventRow, changes: Changes, *, schedule: Schedule, now: datetime) -> None:
    for name in ("name", "description", "visibility", "busy"):
        value = getattr(changes, name)
        if value is not None:
            setattr(event, name, value)
    event.schedule = schedule
    touch(event, now=now)


def _decides_anew(changes: Changes) -> bool:
    return any(
        getattr(changes, name) is not None for name in (*TOLD, "notifications", "participants")
    )


async def _remind_anew(
    tx: AsyncSession, event: EventRow, *, changes: Changes, is_moved: bool, now: datetime
) -> None:
    """Decide again what is not sent yet; what is on its way stays meant unless the time moved."""
    held = await rules.hold(tx, event.id)
    waiting = None if is_moved else await rules.unsent(tx, event.id)
    await deliveries.withdraw(tx, event.id, on_the_way=is_moved)
    if changes.notifications is not None:
        wished = rules_of(changes.notifications)
        held = await rules.replace(tx, event, held=held, rules=wished, now=now)
    await rules.replan(tx, event, held=held, waiting=waiting, now=now)


async def _with_work_days(tx: AsyncSession, event: EventRow, changes: Changes) -> Changes:
    if changes.repetition is None or changes.repetition == "once":
        return changes
    author = await tx.get_one(UserRow, event.author_id)
    return replace(changes, repetition=_frozen(changes.repetition, author))


def _frozen(repetition: Repetition | None, author: UserRow) -> Repetition | None:
    """The repetition with the work days that its author has today, whatever they change later."""
    if repetition is None or repetition.type != "workday":
        return repetition
    work_days = WorkDays.stored(author.work_days)
    days = (work_days.day_from, work_days.day_to) if work_days else MONDAY_TO_FRIDAY
    return replace(repetition, work_days=days)


def _asked(written: Draft | Changes) -> datetime | None:
    start = written.start_time
    return start.astimezone(UTC) if isinstance(start, datetime) else None
