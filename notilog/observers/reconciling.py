"""What beat sees to: that whatever shall run does, and whatever shall not does not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.leases.tables import LeaseRow
from notilog.observers.lease_names import LEASES, lease_name
from notilog.observers.measures import RESTARTS
from notilog.observers.observers import (
    ASKED_FOR,
    ask,
    end,
    lease_of_row,
    over,
)
from notilog.observers.settings import ObserversSettings
from notilog.observers.tables import ObserverRow
from notilog.observers.telling import tell_of

AT_ONCE: Final = 500
END_WITHIN: Final = 5.0
"""Seconds after which the next tick asks again for a task to be ended."""
_PATIENCE: Final = timedelta(seconds=ASKED_FOR)


async def ask_for_what_shall_run(tx: AsyncSession, now: datetime, *, most: int) -> int:
    """Have what runs nowhere run, at most so many; says how many were asked for.

    Asking twice does no harm, since a lease is held by one.
    """
    held = select(LeaseRow.name).where(LeaseRow.name == lease_of_row(), LeaseRow.until > now)
    statement = (
        select(ObserverRow)
        .where(
            ObserverRow.desired == "running",
            ObserverRow.state != "failed",
            or_(ObserverRow.retry_at.is_(None), ObserverRow.retry_at <= now),
            # Whoever was asked may still be about to begin, unless it began and is gone.
            or_(
                ObserverRow.asked_at.is_(None),
                ObserverRow.asked_at <= now - _PATIENCE,
                ObserverRow.heartbeat_at > ObserverRow.asked_at,
            ),
            ~held.exists(),
        )
        .order_by(ObserverRow.asked_at.asc().nulls_first(), ObserverRow.id)
        .limit(min(most, AT_ONCE))
        .with_for_update(skip_locked=True)
    )
    rows = await _run_by_nobody(tx, (await tx.scalars(statement)).all(), now)
    for row in rows:
        if row.task_id is not None:  # its worker died
            _count_death(row, now)
        over(row, now)
        if row.retry_at is None or row.retry_at <= now:
            ask(row, now)
    tell_of(tx, [row.id for row in rows])
    return len(rows)


async def _run_by_nobody(
    tx: AsyncSession, locked: Sequence[ObserverRow], now: datetime
) -> list[ObserverRow]:
    """Those still free now that they are locked: their lease may have been taken meanwhile."""
    names = [lease_name(row.id) for row in locked]
    living = select(LeaseRow.name).where(LeaseRow.name.in_(names), LeaseRow.until > now)
    taken = set(await tx.scalars(living))
    return [row for row in locked if lease_name(row.id) not in taken]


async def end_what_shall_not(tx: AsyncSession, now: datetime) -> None:
    """Have ended again what was stopped or changed and still runs: that may have been lost."""
    has_other_turn = ObserverRow.running_turn.is_not(None) & (
        ObserverRow.running_turn != ObserverRow.turn
    )
    is_left = (ObserverRow.desired == "stopped") & (ObserverRow.state != "stopped")
    found = await tx.execute(
        select(ObserverRow, LeaseRow.until)
        .outerjoin(LeaseRow, LeaseRow.name == lease_of_row())
        .where(or_(has_other_turn, is_left))
        .order_by(ObserverRow.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=ObserverRow)
    )
    for row, until in found.all():
        if until is None or until <= now:
            over(row, now)
            tell_of(tx, [row.id])
        else:
            end(row, expires=END_WITHIN)


async def forget_leases(tx: AsyncSession, now: datetime) -> None:
    """Leases that ended of observers that were deleted."""
    known = select(lease_of_row())
    await tx.execute(
        delete(LeaseRow).where(
            LeaseRow.name.startswith(LEASES, autoescape=True),
            LeaseRow.until <= now,
            LeaseRow.name.not_in(known),
        )
    )


def _count_death(row: ObserverRow, now: datetime) -> None:
    """The first time it is run again at once; what takes its worker along has to wait."""
    settings = config.section(ObserversSettings)
    ran = row.heartbeat_at - row.state_since if row.heartbeat_at is not None else timedelta()
    if row.state == "running" and ran.total_seconds() >= settings.settled_after:
        row.failures = 0
    if row.failures:
        pause = min(settings.longest_pause, settings.first_pause * 2 ** min(row.failures, 30))
        row.retry_at = now + timedelta(seconds=pause)
    row.failures += 1
    row.restarts += 1
    RESTARTS.add()
