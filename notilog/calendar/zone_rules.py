"""Following the rules of time zones: when a country changes its clocks, local times stay.

What an author meant is the wall clock. After an upgrade of the tz database the instants that were
found from it are found again, with everything that hangs on them.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from zoneinfo import TZPATH

from sqlalchemy import exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import overrides, rules
from notilog.calendar.events import touch
from notilog.calendar.occurrences import Schedule
from notilog.calendar.tables import EventRow, OverrideRow, ZoneRulesRow
from notilog.calendar.wall_clock import instant_of, local_of
from notilog.db.session import reading, transaction

BATCH = 200
ONE_DAY = timedelta(days=1)


async def follow(now: datetime) -> int:
    """Find the events of every zone whose rules are others than last time; counts the events.

    Opens its own transactions: one for each batch, so that nobody waits long for an event. A zone
    is noted as followed only after its last batch, so what was interrupted is done again.
    """
    async with reading() as tx:
        names = list(await tx.scalars(select(EventRow.timezone).distinct()))
        known = dict((await tx.execute(select(ZoneRulesRow.timezone, ZoneRulesRow.digest))).all())
    found = 0
    for name in names:
        digest = digest_of(name)
        if known.get(name) != digest:
            if name in known:
                found += await _find_again(name, now)
            await _note(name, digest)
    return found


def digest_of(timezone: str) -> bytes:
    """What tells one set of rules of a zone from another: the file that `ZoneInfo` reads."""
    for folder in TZPATH:
        file = Path(folder, timezone)
        if file.is_file():
            return sha256(file.read_bytes()).digest()
    return sha256(files("tzdata").joinpath("zoneinfo", *timezone.split("/")).read_bytes()).digest()


async def _find_again(timezone: str, now: datetime) -> int:
    async with reading() as tx:
        statement = select(EventRow.id).where(
            EventRow.timezone == timezone,
            EventRow.cancelled_at.is_(None),
            or_(
                EventRow.series_end.is_(None),
                EventRow.series_end >= now - ONE_DAY,
                exists().where(
                    OverrideRow.event_id == EventRow.id, OverrideRow.ends_at >= now - ONE_DAY
                ),
            ),
        )
        ids = list(await tx.scalars(statement))
    for begin in range(0, len(ids), BATCH):
        async with transaction() as tx:
            events = await tx.scalars(
                select(EventRow)
                .where(EventRow.id.in_(ids[begin : begin + BATCH]))
                .order_by(EventRow.id)
                .with_for_update()
            )
            await _find_these_again(tx, list(events), now)
    return len(ids)


async def _find_these_again(tx: AsyncSession, events: Sequence[EventRow], now: datetime) -> None:
    for event in events:
        before = event.schedule
        event.schedule = _found_again(before)
        is_touched = tx.is_modified(event)
        await tx.flush()
        is_touched |= await overrides.shift(tx, event, before=before, after=event.schedule)
        if is_touched:
            touch(event, now=now)
        await rules.decide_anew(tx, event, on_the_way=False, now=now)


def _found_again(schedule: Schedule) -> Schedule:
    if local_of(schedule.starts_at, schedule.zone) == schedule.start_local:
        return schedule  # of two equal wall times it may be the second
    return replace(schedule, starts_at=instant_of(schedule.start_local, schedule.zone))


async def _note(timezone: str, digest: bytes) -> None:
    async with transaction() as tx:
        values = {"timezone": timezone, "digest": digest}
        statement = insert(ZoneRulesRow).values(values)
        await tx.execute(
            statement.on_conflict_do_update(index_elements=["timezone"], set_={"digest": digest})
        )
