"""Taking in calendar files: the caller's own events, found again when the file comes again.

Everything is imported or nothing. What no column expresses stays in ``ical_raw``, and an export
has it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, String, any_, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import following, overrides, rules
from notilog.calendar.drafts import Changes, Notification, imported_schedule, instant_in
from notilog.calendar.events import apply, touch
from notilog.calendar.ics.imported import ImportedEvent, ImportedOverride
from notilog.calendar.occurrences import is_occurrence
from notilog.calendar.rules import rules_of
from notilog.calendar.series import Happening
from notilog.calendar.tables import EventRow, OverrideRow
from notilog.notifications import deliveries
from notilog.notifications.channels import is_configured
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Imported:
    """How many events a file brought."""

    created: int = 0
    updated: int = 0
    cancelled: int = 0


async def take_in(
    tx: AsyncSession, caller: Caller, events: Sequence[ImportedEvent], *, now: datetime
) -> Imported:
    """Make the events of a file the caller's own; those that came before are replaced.

    Nobody is invited: whoever wrote the file has done that.

    Raises:
        Invalid: an event cannot be kept.
    """
    author = await tx.get_one(UserRow, caller.user_id)
    channel = "email" if author.email is not None and is_configured("email") else "log"
    counts = {"created": 0, "updated": 0, "cancelled": 0}
    for begin in range(0, len(events), AT_ONCE):
        batch = events[begin : begin + AT_ONCE]
        known = await _known(tx, caller.user_id, [event.uid for event in batch])
        rows: list[tuple[EventRow, ImportedEvent]] = []
        for event in batch:
            row = known.get(event.uid)
            if event.cancelled:
                counts["cancelled"] += row is not None
                if row is not None:
                    await _cancel(tx, row, now=now)
                continue
            counts["created" if row is None else "updated"] += 1
            if row is None:
                row = EventRow(author_id=caller.user_id, version=0, created_at=now)
                tx.add(row)
            _write(row, event, now=now)
            rows.append((row, event))
        await tx.flush()
        fresh = {row.id for row, event in rows if event.uid not in known}
        for row, event in rows:
            await _hang_on(tx, row, event, channel=channel, is_new=row.id in fresh, now=now)
    return Imported(**counts)


async def _known(tx: AsyncSession, author_id: UUID, uids: list[str]) -> dict[str, EventRow]:
    """The events that came before, by UID."""
    statement = (
        select(EventRow)
        .where(
            EventRow.author_id == author_id,
            EventRow.cancelled_at.is_(None),
            EventRow.ical_uid == any_(bindparam("uids", uids, type_=ARRAY(String))),
        )
        .with_for_update()
    )
    return {row.ical_uid or "": row for row in await tx.scalars(statement)}


def _write(row: EventRow, event: ImportedEvent, *, now: datetime) -> None:
    row.name = event.name
    row.description = event.description
    row.visibility = event.visibility
    row.busy = event.busy
    row.ical_uid = event.uid
    row.ical_raw = event.raw
    row.schedule = imported_schedule(
        event.start,
        event.end,
        timezone=event.timezone,
        all_day=event.all_day,
        repetition=event.repetition,
    )
    touch(row, now=now)


async def _hang_on(
    tx: AsyncSession,
    row: EventRow,
    event: ImportedEvent,
    *,
    channel: str,
    is_new: bool,
    now: datetime,
) -> None:
    """What belongs to an event: its exceptions, its reminders, and what continues it."""
    if not is_new:
        await tx.execute(delete(OverrideRow).where(OverrideRow.event_id == row.id))
        await _take_back_parts(tx, row, now=now)
    single = [one for one in event.overrides if not one.this_and_following]
    changed = [_overridden(row, one) for one in single]
    tx.add_all([*_excluded(row, event), *_added(row, event), *changed])
    await tx.flush()
    wishes = tuple(Notification(offset, channel) for offset in dict.fromkeys(event.notifications))
    await _remind(tx, row, wishes, is_new=is_new, now=now)
    last = row
    for one in sorted(event.overrides, key=lambda one: one.original_start):
        if one.this_and_following:
            last = await _continue(tx, last, one, uid=event.uid, now=now)


async def _remind(
    tx: AsyncSession,
    row: EventRow,
    wishes: tuple[Notification, ...],
    *,
    is_new: bool,
    now: datetime,
) -> None:
    wished = rules_of(wishes)
    if is_new:
        if wished:
            await rules.plan(tx, row, rules=wished, since=now, now=now)
        return
    held = await rules.hold(tx, row.id)
    await deliveries.withdraw(tx, row.id)
    kept = await rules.replace(tx, row, held=held, rules=wished, now=now)
    await rules.replan(tx, row, held=kept, waiting=None, now=now)


async def _continue(
    tx: AsyncSession, row: EventRow, one: ImportedOverride, *, uid: str, now: datetime
) -> EventRow:
    """Let another series go on from an occurrence, with the times and words that it has."""
    if one.original_start <= row.starts_at or not is_occurrence(row.schedule, one.original_start):
        return row
    if one.cancelled:
        await following.end_before(tx, row, original_start=one.original_start, now=now)
        return row
    continued = await following.split(tx, row, original_start=one.original_start, now=now)
    continued.ical_uid = f"{uid}/{one.original_start:%Y%m%dT%H%M%SZ}"
    continued.ical_raw = one.raw
    changes = Changes(
        name=one.name, description=one.description, start_time=one.start, end_time=one.end
    )
    await apply(tx, continued, changes, now=now)
    return continued


def _excluded(row: EventRow, event: ImportedEvent) -> list[OverrideRow]:
    schedule = row.schedule
    return [
        _row(row, start, start, schedule.end_of(start), cancelled=True)
        for start in dict.fromkeys(event.excluded)
        if is_occurrence(schedule, start)
    ]


def _added(row: EventRow, event: ImportedEvent) -> list[OverrideRow]:
    schedule = row.schedule
    found: dict[datetime, OverrideRow] = {}
    for start, end in event.added:
        begin, until = (instant_in(moment, schedule.zone) for moment in (start, end))
        if not is_occurrence(schedule, begin):
            found[begin] = _row(row, begin, begin, until, added=True)
    taken = {one.original_start for one in event.overrides} | set(event.excluded)
    return [one for begin, one in found.items() if begin not in taken]


def _overridden(row: EventRow, one: ImportedOverride) -> OverrideRow:
    zone = row.schedule.zone
    start, end = (instant_in(moment, zone) for moment in (one.start, one.end))
    made = _row(row, one.original_start, start, end, cancelled=one.cancelled)
    made.added = not is_occurrence(row.schedule, one.original_start)
    made.name = one.name if one.name != row.name else None
    made.description = one.description if one.description != row.description else None
    made.ical_raw = one.raw or None
    return made


def _row(
    event: EventRow,
    original_start: datetime,
    start: datetime,
    end: datetime,
    *,
    cancelled: bool = False,
    added: bool = False,
) -> OverrideRow:
    happening = Happening(start, end, original_start)
    made = overrides.unchanged(event, happening)
    made.cancelled, made.added = cancelled, added
    made.moved = (start, end) != (original_start, event.schedule.end_of(original_start))
    return made


async def _take_back_parts(tx: AsyncSession, row: EventRow, *, now: datetime) -> None:
    """Cancel what an earlier import split off this event."""
    parts = select(EventRow).where(
        EventRow.author_id == row.author_id,
        EventRow.cancelled_at.is_(None),
        EventRow.follows.is_not(None),
        EventRow.ical_uid.startswith(f"{row.ical_uid}/", autoescape=True),
    )
    for part in await tx.scalars(parts.with_for_update()):
        await _cancel(tx, part, now=now)


async def _cancel(tx: AsyncSession, row: EventRow, *, now: datetime) -> None:
    row.cancelled_at = now
    touch(row, now=now)
    await tx.flush()
    await rules.silence(tx, await rules.hold(tx, row.id))
    await deliveries.withdraw(tx, row.id, kind=None)
