"""What was changed of single occurrences: kept apart from the series, and moved along with it."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Interval,
    Uuid,
    and_,
    any_,
    bindparam,
    delete,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar.occurrences import Schedule, is_occurrence
from notilog.calendar.series import Happening, Override, Series
from notilog.calendar.tables import EventRow, OccurrenceDecisionRow, OverrideRow
from notilog.calendar.wall_clock import instant_of, local_of
from notilog.errors import NotFound

MARGIN = timedelta(days=2)
"""By how much the days of an all-day event may be longer than so many times 24 hours."""

Overrides = dict[datetime, Override]


async def loaded(
    tx: AsyncSession, event_ids: Collection[UUID], *, since: datetime
) -> dict[UUID, Overrides]:
    """The overrides of these events that matter from ``since`` on, by event."""
    found: dict[UUID, Overrides] = defaultdict(dict)
    if not event_ids:
        return found
    statement = (
        select(OverrideRow)
        .join(EventRow, EventRow.id == OverrideRow.event_id)
        .where(
            OverrideRow.event_id == any_(bindparam("events", list(event_ids), type_=ARRAY(Uuid))),
            matters_from(since),
        )
    )
    for row in await tx.scalars(statement):
        found[row.event_id][row.original_start] = row.override
    return found


def matters_from(since: datetime) -> ColumnElement[bool]:
    """Whether an override of an event says something about the time from ``since`` on.

    It does when the occurrence as the series has it would last until then, too.
    """
    longest = EventRow.duration + literal(MARGIN, Interval)
    return or_(
        OverrideRow.original_start >= literal(since, DateTime(timezone=True)) - longest,
        OverrideRow.ends_at >= since,
    )


def of(decision: type[OccurrenceDecisionRow]) -> ColumnElement[bool]:
    """How a decision finds the override of its occurrence."""
    return and_(
        OverrideRow.event_id == decision.event_id,
        OverrideRow.original_start == decision.original_start,
    )


async def all_of(tx: AsyncSession, event_id: UUID) -> Overrides:
    """Every override of an event."""
    rows = await tx.scalars(select(OverrideRow).where(OverrideRow.event_id == event_id))
    return {row.original_start: row.override for row in rows}


async def series_of(tx: AsyncSession, event: EventRow, *, since: datetime) -> Series:
    """The event as it takes place from ``since`` on."""
    found = await loaded(tx, [event.id], since=since)
    return Series(event.schedule, found[event.id])


async def occurrence(tx: AsyncSession, event: EventRow, *, original_start: datetime) -> Happening:
    """The occurrence of that name.

    Raises:
        NotFound: there is none, or it is cancelled.
    """
    series = await series_of(tx, event, since=original_start)
    found = series.at(original_start)
    if found is None:
        raise NotFound(f"the event has no occurrence at {original_start.isoformat()}")
    return found


async def held(tx: AsyncSession, event: EventRow, happening: Happening) -> OverrideRow:
    """The row of an occurrence; made, and so far without a change, when there was none."""
    row = await tx.get(OverrideRow, (event.id, happening.original_start))
    if row is None:
        row = unchanged(event, happening)
        tx.add(row)
    return row


def unchanged(event: EventRow, happening: Happening) -> OverrideRow:
    """A new row of an occurrence, so far without a change."""
    row = OverrideRow(
        event_id=event.id,
        original_start=happening.original_start,
        original_local=local_start(event.schedule, happening.original_start),
        cancelled=False,
        moved=False,
        added=False,
    )
    place(row, event.schedule, happening.start, happening.end)
    return row


def place(row: OverrideRow, schedule: Schedule, start: datetime, end: datetime) -> None:
    """Write down when the occurrence takes place."""
    row.start_local = local_start(schedule, start)
    row.starts_at = start
    row.ends_at = end


async def shift(tx: AsyncSession, event: EventRow, *, before: Schedule, after: Schedule) -> bool:
    """Move the overrides along with their series, by the same distance on the wall clock.

    What was changed of an occurrence that the new series has not is forgotten, and all of it when
    the event does not repeat any more.

    Returns:
        Whether anything moved.
    """
    rows = list(await tx.scalars(select(OverrideRow).where(OverrideRow.event_id == event.id)))
    is_ended = before.repetition is not None and after.repetition is None
    distance = after.start_local - before.start_local
    moves = []
    for row in rows:
        tx.expunge(row)
        values = _moved(row, after=after, distance=distance)
        if is_ended or not (row.added or is_occurrence(after, values["original_start"])):
            await tx.execute(delete(OverrideRow).where(*_key(row)))
        elif any(getattr(row, name) != value for name, value in values.items()):
            moves.append((row, values))
    for row, values in _in_safe_order(moves):
        await tx.execute(update(OverrideRow).where(*_key(row)).values(values))
    return bool(moves)


Move = tuple[OverrideRow, dict[str, datetime]]


def _in_safe_order(moves: list[Move]) -> list[Move]:
    """So that no row takes the key of one that has yet to move: those that go back first."""
    moves.sort(key=lambda move: move[0].original_start)
    back = [move for move in moves if move[1]["original_start"] <= move[0].original_start]
    forth = [move for move in moves if move[1]["original_start"] > move[0].original_start]
    return back + forth[::-1]


def _key(row: OverrideRow) -> tuple[ColumnElement[bool], ...]:
    return (OverrideRow.event_id == row.event_id, OverrideRow.original_start == row.original_start)


def _moved(row: OverrideRow, *, after: Schedule, distance: timedelta) -> dict[str, datetime]:
    original_local = row.original_local + distance
    start_local = row.start_local + distance
    starts_at = _instant(after, start_local)
    ends_at = after.end_of(starts_at)
    if row.moved or row.added:
        ends_at = _end(row, after, start_local=start_local, starts_at=starts_at)
    return {
        "original_start": _instant(after, original_local),
        "original_local": original_local,
        "start_local": start_local,
        "starts_at": starts_at,
        "ends_at": ends_at,
    }


def _end(
    row: OverrideRow, schedule: Schedule, *, start_local: datetime, starts_at: datetime
) -> datetime:
    """The end of a moved occurrence, which keeps its own length: whole days, or an exact time."""
    length = row.ends_at - row.starts_at
    if not schedule.all_day:
        return starts_at + length
    return instant_of(
        start_local + timedelta(days=round(length / timedelta(days=1))), schedule.zone
    )


async def hand_over(
    tx: AsyncSession, event_id: UUID, *, to: UUID, originals_from: datetime
) -> None:
    """Give the overrides of these occurrences, and who comes to them, to another series."""
    await tx.execute(
        update(OverrideRow)
        .where(OverrideRow.event_id == event_id, OverrideRow.original_start >= originals_from)
        .values(event_id=to)
        .execution_options(synchronize_session=False)
    )


async def forget(tx: AsyncSession, event_id: UUID, *, originals_from: datetime) -> None:
    """Drop the overrides of these occurrences."""
    await tx.execute(
        delete(OverrideRow)
        .where(OverrideRow.event_id == event_id, OverrideRow.original_start >= originals_from)
        .execution_options(synchronize_session=False)
    )


async def cancel_all(tx: AsyncSession, event: EventRow, happenings: Iterable[Happening]) -> None:
    """Cancel these occurrences."""
    for happening in happenings:
        (await held(tx, event, happening)).cancelled = True
    await tx.flush()


def local_start(schedule: Schedule, start: datetime) -> datetime:
    """What the author's clock shows at a start: the usual time even if it was jumped over."""
    if start == schedule.starts_at:
        return schedule.start_local
    local = local_of(start, schedule.zone)
    usual = datetime.combine(local.date(), schedule.start_local.time())
    return usual if instant_of(usual, schedule.zone) == start else local


def _instant(schedule: Schedule, local: datetime) -> datetime:
    if local == schedule.start_local:
        return schedule.starts_at
    return instant_of(local, schedule.zone)
