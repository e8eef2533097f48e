"""Taking in calendar files: the caller's own events, found again when the file comes again.

Everything is imported or nothing. What no column expresses stays in ``ical_raw``, and an export
has it again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, String, any_, bindparam, func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import following, overrides, participation, rules
from notilog.calendar.drafts import Notification, instant_in, is_moved
from notilog.calendar.events import touch
from notilog.calendar.ics.imported import ImportedEvent, ImportedOverride
from notilog.calendar.import_parts import PART, PART_LENGTH, Part, parts_of, schedule_of_import
from notilog.calendar.occurrences import Schedule, is_occurrence
from notilog.calendar.rules import rules_of
from notilog.calendar.series import Happening
from notilog.calendar.tables import EventRow, OverrideRow, ParticipantRow
from notilog.calendar.touching import any_of
from notilog.errors import Invalid
from notilog.notifications import deliveries
from notilog.notifications.channels import is_configured
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

AT_ONCE = 500
LONGEST_UID = 1000
"""Bytes; an index has no room for much more."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many events a file brought."""

    created: int = 0
    updated: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class _Written:
    """A part and its row; ``before`` is what the row said before, ``follows`` the part before."""

    row: EventRow
    part: Part
    before: Schedule | None
    follows: EventRow | None


async def take_in(
    tx: AsyncSession, caller: Caller, events: Sequence[ImportedEvent], *, now: datetime
) -> Imported:
    """Make the events of a file the caller's own; those that came before are replaced.

    Nobody is invited: whoever wrote the file has done that.

    Raises:
        Invalid: an event cannot be kept.
    """
    # Two imports of one person come after one another, so that they see each other's events.
    author = await tx.get_one(UserRow, caller.user_id, with_for_update={"key_share": True})
    channel = "email" if author.email is not None and is_configured("email") else "log"
    counts = {"created": 0, "updated": 0, "cancelled": 0}
    newest = _newest(events)
    staying = {event.uid for event in newest if not event.cancelled}
    for begin in range(0, len(newest), AT_ONCE):
        batch = [(event, parts_of(event)) for event in newest[begin : begin + AT_ONCE]]
        uids = [event.uid for event, _ in batch]
        known = await _known(tx, caller.user_id, uids)
        written: list[_Written] = []
        for event, parts in batch:
            if not event.cancelled:
                counts["updated" if event.uid in known else "created"] += 1
            elif event.uid in known:
                counts["cancelled"] += 1
            written += _write_all(tx, caller.user_id, parts, known, now=now)
        staying |= {one.part.event.uid for one in written}
        gone = [row for uid, row in known.items() if uid not in staying]
        for row in (*gone, *await _split_off(tx, caller.user_id, known.values())):
            await _cancel(tx, row, now=now)
        await tx.flush()
        for one in written:
            await _hang_on(tx, one, channel=channel, now=now)
    return Imported(**counts)


def _newest(events: Iterable[ImportedEvent]) -> list[ImportedEvent]:
    """Each event once, in its last version: calendars put into one file may share some."""
    newest: dict[str, ImportedEvent] = {}
    for event in events:
        if len(event.uid.encode()) > LONGEST_UID:
            raise Invalid.field("UID", f"may have at most {LONGEST_UID} bytes")
        if event.uid not in newest or event.sequence >= newest[event.uid].sequence:
            newest[event.uid] = event
    return list(newest.values())


async def _known(tx: AsyncSession, author_id: UUID, uids: list[str]) -> dict[str, EventRow]:
    """The events that came before, and their parts, by UID."""
    wanted = any_(bindparam("uids", uids, type_=ARRAY(String)))
    is_part = EventRow.ical_uid.regexp_match(PART)
    statement = (
        select(EventRow)
        .where(
            EventRow.author_id == author_id,
            EventRow.cancelled_at.is_(None),
            or_(
                EventRow.ical_uid == wanted,
                is_part & (func.left(EventRow.ical_uid, -PART_LENGTH) == wanted),
            ),
        )
        .order_by(EventRow.id)
        .with_for_update()
    )
    return {row.ical_uid or "": row for row in await tx.scalars(statement)}


async def _split_off(tx: AsyncSession, author_id: UUID, rows: Iterable[EventRow]) -> list[EventRow]:
    """What was split off these events here, which the file does not know of."""
    found: list[EventRow] = []
    ids = [row.id for row in rows]
    while ids:
        statement = select(EventRow).where(
            EventRow.author_id == author_id,
            EventRow.ical_uid.is_(None),
            EventRow.follows == any_of(ids),
        )
        after = (await tx.scalars(statement.with_for_update())).all()
        found += after
        ids = [row.id for row in after]
    return [row for row in found if row.cancelled_at is None]


def _write_all(
    tx: AsyncSession,
    author_id: UUID,
    parts: Iterable[Part],
    known: dict[str, EventRow],
    *,
    now: datetime,
) -> Iterator[_Written]:
    """Write the rows of one event that takes place, each of which follows the one before."""
    follows: EventRow | None = None
    for part in parts:
        if part.event.cancelled:
            continue
        row = known.get(part.event.uid)
        before = row.schedule if row else None
        if row is None:
            row = EventRow(author_id=author_id, version=0, created_at=now)
            tx.add(row)
        _write(row, part.event, now=now)
        yield _Written(row, part, before, follows)
        follows = row


def _write(row: EventRow, event: ImportedEvent, *, now: datetime) -> None:
    row.name = event.name
    row.description = event.description
    row.visibility = event.visibility
    row.busy = event.busy
    row.ical_uid = event.uid
    row.ical_raw = event.raw
    row.schedule = schedule_of_import(event)
    touch(row, now=now)


async def _hang_on(tx: AsyncSession, written: _Written, *, channel: str, now: datetime) -> None:
    """What belongs to an event: its exceptions, where it ends, and its reminders."""
    row, event = written.row, written.part.event
    if written.follows is not None:
        row.follows = written.follows.id
        if written.before is None:
            await _ask_all(tx, written.follows, row)
    await _except(tx, written)
    if written.before is not None and is_moved(written.before, row.schedule):
        await participation.ask_again(tx, row)
    if written.part.until is not None:
        await following.end_before(tx, row, original_start=written.part.until, now=now)
    wishes = tuple(Notification(offset, channel) for offset in dict.fromkeys(event.notifications))
    await _remind(tx, row, wishes, is_new=written.before is None, now=now)


async def _ask_all(tx: AsyncSession, event: EventRow, continued: EventRow) -> None:
    """Whoever the author has asked to a series is asked to what continues it."""
    row = ParticipantRow
    asked = select(literal(continued.id), row.user_id, row.decision).where(row.event_id == event.id)
    await tx.execute(insert(row).from_select(["event_id", "user_id", "decision"], asked))


async def _except(tx: AsyncSession, written: _Written) -> None:
    """Replace what is known of single occurrences, but for the decisions of those that stay."""
    row, event = written.row, written.part.event
    made = [
        *_added(row, event),
        *(_overridden(row, one) for one in event.overrides),
        *_excluded(row, event),
    ]
    wanted = {one.original_start: one for one in made}
    if written.before is not None:
        held = await tx.scalars(select(OverrideRow).where(OverrideRow.event_id == row.id))
        for one in held.all():
            start = one.original_start
            if start in wanted:
                await tx.merge(wanted.pop(start))
            elif is_occurrence(row.schedule, start):
                await tx.merge(_row(row, start, start, row.schedule.end_of(start)))
            else:
                await tx.delete(one)
    tx.add_all(wanted.values())
    await tx.flush()


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
    made.name = made.description = made.ical_raw = None
    made.moved = (start, end) != (original_start, event.schedule.end_of(original_start))
    return made


async def _cancel(tx: AsyncSession, row: EventRow, *, now: datetime) -> None:
    row.cancelled_at = now
    touch(row, now=now)
    await tx.flush()
    await rules.silence(tx, await rules.hold(tx, row.id))
    await deliveries.withdraw(tx, row.id, kind=None)
