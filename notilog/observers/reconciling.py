"""What beat sees to: that whatever shall run does, and whatever shall not does not."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config, jobs
from notilog.leases.tables import LeaseRow
from notilog.observers.measures import RESTARTS
from notilog.observers.observers import ASKED_FOR, END, ask, lease_of_row
from notilog.observers.settings import ObserversSettings
from notilog.observers.tables import ObserverRow

AT_ONCE: Final = 500
_PATIENCE: Final = timedelta(seconds=ASKED_FOR)


async def reconcile(tx: AsyncSession, now: datetime) -> int:
    """Ask for what does not run to be run, and for what runs in vain to be ended; says how many.

    Asking twice does no harm, since a lease is held by one.
    """
    return await _ask(tx, now) + await _end(tx, now)


async def _ask(tx: AsyncSession, now: datetime) -> int:
    is_free = (
        ~select(LeaseRow.name).where(LeaseRow.name == lease_of_row(), LeaseRow.until > now).exists()
    )
    rows = (
        await tx.scalars(
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
                is_free,
            )
            .order_by(ObserverRow.id)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    ).all()
    for row in rows:
        if row.task_id is not None:  # its worker died
            _count_death(row, now)
        row.task_id = row.worker = None
        row.state, row.state_since = "starting", now
        if row.retry_at is None or row.retry_at <= now:
            ask(row, now)
    return len(rows)


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


async def _end(tx: AsyncSession, now: datetime) -> int:
    """What somebody stopped and still runs: the request to end it was lost."""
    found = await tx.execute(
        select(ObserverRow, LeaseRow.until)
        .outerjoin(LeaseRow, LeaseRow.name == lease_of_row())
        .where(ObserverRow.desired == "stopped", ObserverRow.state != "stopped")
        .order_by(ObserverRow.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=ObserverRow)
    )
    rows = found.all()
    for row, until in rows:
        if until is None or until <= now:
            row.state, row.state_since = "stopped", now
            row.task_id = row.worker = None
        elif row.task_id is not None:
            jobs.wake(END, row.task_id)
    return len(rows)
