"""Changing or cancelling an occurrence and all that follow: the series ends, another continues it.

Whoever changes the first occurrence in this way changes the whole series.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import events, offsets, overrides, participation, rules, tidings
from notilog.calendar.drafts import Changes
from notilog.calendar.occurrences import Occurrence, Schedule, is_occurrence, occurrences_between
from notilog.calendar.rules import Rule
from notilog.calendar.series import Happening
from notilog.calendar.shown import Event, shown
from notilog.calendar.tables import EventRow, ParticipantRow
from notilog.calendar.visibility import Seen, look_up_own
from notilog.calendar.wall_clock import instant_of
from notilog.errors import NotFound
from notilog.notifications import deliveries
from notilog.users.caller import Caller

ONE_DAY = timedelta(days=1)


async def change_following(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    original_start: datetime,
    changes: Changes,
    expected: Collection[int] | None,
    now: datetime,
) -> Event:
    """Change this occurrence and all later ones, and return the series that they are from now on.

    Raises:
        NotFound: no such event or occurrence, or the caller may not know of it.
        Forbidden, Stale, Invalid: as `events.change`.
    """
    event = await _held(tx, caller, event_id, original_start=original_start, expected=expected)
    if original_start == event.starts_at:
        continued = event
    else:
        continued = await split(tx, event, original_start=original_start, now=now)
    await events.apply(tx, continued, changes, now=now)
    if continued is not event:
        coming = await participation.coming(tx, event)
        await tidings.tell(tx, event, {"update": coming}, now=now)
    return await shown(tx, Seen(continued, details=True))


async def cancel_following(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    original_start: datetime,
    expected: Collection[int] | None,
    now: datetime,
) -> None:
    """Cancel this occurrence and all later ones.

    Raises:
        NotFound, Forbidden, Stale: as `change_following`.
    """
    event = await _held(tx, caller, event_id, original_start=original_start, expected=expected)
    if original_start == event.starts_at:
        await events.cancel(tx, caller, event_id=event_id, expected=None, now=now)
        return
    held = await rules.hold(tx, event.id)
    waiting = await rules.unsent(tx, event.id)
    await overrides.forget(tx, event.id, originals_from=original_start)
    await end_before(tx, event, original_start=original_start, now=now)
    await deliveries.withdraw(tx, event.id, occurrences_from=original_start)
    await rules.replan(tx, event, held=held, waiting=waiting, now=now)
    coming = await participation.coming(tx, event)
    await tidings.tell(tx, event, {"update": coming}, now=now)


async def _held(
    tx: AsyncSession,
    caller: Caller,
    event_id: UUID,
    *,
    original_start: datetime,
    expected: Collection[int] | None,
) -> EventRow:
    event = await look_up_own(tx, caller, event_id=event_id)
    events.check_version(event, expected)
    if not is_occurrence(event.schedule, original_start):
        raise NotFound(f"the series has no occurrence at {original_start.isoformat()}")
    return event


async def split(
    tx: AsyncSession, event: EventRow, *, original_start: datetime, now: datetime
) -> EventRow:
    """End the series before the occurrence, and let a copy of it go on from there."""
    held = await rules.hold(tx, event.id)
    waiting = await rules.unsent(tx, event.id)
    continued = await _copied(tx, event, original_start=original_start, now=now)
    await overrides.hand_over(tx, event.id, to=continued.id, originals_from=original_start)
    await end_before(tx, event, original_start=original_start, now=now)
    await deliveries.hand_over(tx, event.id, to=continued.id, occurrences_from=original_start)
    since = min((now, *waiting.values(), *(row.next_fire_at or now for row in held)))
    copies = [Rule(offsets.parse(row.before), row.channel) for row in held]
    await rules.plan(tx, continued, rules=copies, since=since, now=now)
    await rules.replan(tx, event, held=held, waiting=waiting, now=now)
    return continued


async def _copied(
    tx: AsyncSession, event: EventRow, *, original_start: datetime, now: datetime
) -> EventRow:
    schedule = replace(
        event.schedule,
        start_local=overrides.local_start(event.schedule, original_start),
        starts_at=original_start,
    )
    continued = EventRow(
        author_id=event.author_id,
        name=event.name,
        description=event.description,
        visibility=event.visibility,
        busy=event.busy,
        follows=event.id,
        version=0,
        created_at=now,
        updated_at=now,
    )
    continued.schedule = schedule
    tx.add(continued)
    await tx.flush()
    row = ParticipantRow
    asked = select(literal(continued.id), row.user_id, row.decision).where(row.event_id == event.id)
    columns = ["event_id", "user_id", "decision"]
    await tx.execute(insert(row).from_select(columns, asked))
    return continued


async def end_before(
    tx: AsyncSession, event: EventRow, *, original_start: datetime, now: datetime
) -> None:
    """Let the series end on the day before; after an earlier one on that day cancel the rest."""
    schedule = event.schedule
    day = overrides.local_start(schedule, original_start).date()
    same_day = _on(day, schedule)
    rest = [one for one in same_day if one.start >= original_start]
    last = day - ONE_DAY
    if len(rest) < len(same_day):
        await overrides.cancel_all(
            tx, event, [Happening(one.start, one.end, one.start) for one in rest]
        )
        last = day
    repetition = schedule.repetition and replace(schedule.repetition, due_date=last)
    event.schedule = replace(schedule, repetition=repetition)
    events.touch(event, now=now)
    await tx.flush()


def _on(day: date, schedule: Schedule) -> list[Occurrence]:
    """The occurrences that start on a local day: more than one only by an imported rule."""
    midnight = datetime.combine(day, time())
    start = instant_of(midnight, schedule.zone)
    end = instant_of(midnight + ONE_DAY, schedule.zone)
    return [one for one in occurrences_between(schedule, start, end) if one.start >= start]
