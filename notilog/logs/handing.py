"""Handing stored batches to the connectors: each by itself, none delaying the others for long.

The broker keeps a batch until every connector has had it. One that fails to take it gets it again
from ``log_retries``, so that a full disk there stops neither the store nor the others.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock, config
from notilog.db.session import transaction
from notilog.logs.batch import Batch
from notilog.logs.connectors import CONNECTORS
from notilog.logs.connectors.connector import Connector, Handed
from notilog.logs.limits import LogsSettings
from notilog.logs.measures import HANDED
from notilog.logs.tables import LogRetryRow

log = structlog.get_logger(__name__)

PAUSE: Final = 2.0
"""Seconds for which a connector that failed is given nothing."""
FIRST_RETRY: Final = timedelta(seconds=5)
LONGEST_RETRY: Final = timedelta(minutes=10)
GIVEN_UP_AFTER: Final = timedelta(days=1)
MOST_KEPT: Final = 20_000
AT_ONCE: Final = 20

_open: dict[str, Connector] = {}
_failed_at: dict[str, float] = {}


async def hand(batches: Sequence[Batch], names: Sequence[str]) -> list[str]:
    """Give these connectors the batches; returns those that could neither take nor keep them."""
    handed = [
        Handed(batch.id, batch.accepted_at or clock.now(), batch.rows)
        for batch in batches
        if batch.rows
    ]
    if not handed:
        return []
    ends = await asyncio.gather(*(_give(name, handed) for name in names), return_exceptions=True)
    failed = [name for name, end in zip(names, ends, strict=True) if end is not None]
    for name, end in zip(names, ends, strict=True):
        if end is not None:
            log.warning("log_connector_not_served", connector=name, reason=str(end))
    return failed


async def close() -> None:
    """Close the connectors of this process."""
    while _open:
        _, connector = _open.popitem()
        await connector.close()


async def retry(name: str, now: datetime) -> bool:
    """Give a connector the oldest batches that it could not take; says whether there may be more.

    Another process that does the same meanwhile gets others.
    """
    async with transaction() as tx:
        rows = await _claimed(tx, name, now)
    if not rows:
        return False
    failure = await _taken(name, [Handed(r.batch_id, r.accepted_at, r.rows) for r in rows])
    async with transaction() as tx:
        if failure is None:
            await tx.execute(delete(LogRetryRow).where(LogRetryRow.id.in_([r.id for r in rows])))
            return len(rows) == AT_ONCE
        for row in rows:
            await _postpone(tx, row, failure, now)
    return False


async def waiting(tx: AsyncSession) -> dict[str, int]:
    """How many batches wait for each connector that failed to take them."""
    found = await tx.execute(
        select(LogRetryRow.connector, func.count().label("waiting")).group_by(LogRetryRow.connector)
    )
    return {row.connector: row.waiting for row in found}


async def _give(name: str, batches: list[Handed]) -> None:
    failure = await _taken(name, batches)
    if failure is None or not _connector(name).durable:
        return
    async with transaction() as tx:
        kept = await tx.scalar(
            select(func.count()).select_from(
                select(LogRetryRow.id)
                .where(LogRetryRow.connector == name)
                .limit(MOST_KEPT)
                .subquery()
            )
        )
        if (kept or 0) >= MOST_KEPT:
            HANDED.add(name, "dropped", amount=len(batches))
            return
        at = clock.now() + FIRST_RETRY
        tx.add_all(
            LogRetryRow(
                connector=name,
                batch_id=batch.id,
                accepted_at=batch.accepted_at,
                rows=batch.rows,
                attempt_at=at,
                last_error=failure,
            )
            for batch in batches
        )


async def _taken(name: str, batches: list[Handed]) -> str | None:
    """Why the connector could not take them; None when it could."""
    failed_at = _failed_at.get(name)
    if failed_at is not None and monotonic() - failed_at < PAUSE:
        HANDED.add(name, "postponed", amount=len(batches))
        return "it failed just before"
    try:
        async with asyncio.timeout(config.section(LogsSettings).connector_timeout):
            await _connector(name).take(batches)
    except Exception as error:
        log.warning("log_connector_failed", connector=name, exc_info=failed_at is None)
        _failed_at[name] = monotonic()
        HANDED.add(name, "failed", amount=len(batches))
        return f"{type(error).__name__}: {error}"[:1000]
    _failed_at.pop(name, None)
    HANDED.add(name, "taken", amount=len(batches))
    return None


def _connector(name: str) -> Connector:
    if name not in _open:
        _open[name] = CONNECTORS[name].make()
    return _open[name]


async def _claimed(tx: AsyncSession, name: str, now: datetime) -> Sequence[LogRetryRow]:
    """The oldest that are due, out of reach for others while they are being taken."""
    due = (
        select(LogRetryRow.id)
        .where(LogRetryRow.connector == name, LogRetryRow.attempt_at <= now)
        .order_by(LogRetryRow.attempt_at, LogRetryRow.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    lease = timedelta(seconds=2 * config.section(LogsSettings).connector_timeout)
    statement = (
        update(LogRetryRow)
        .where(LogRetryRow.id.in_(due))
        .values(attempt_at=now + lease)
        .returning(LogRetryRow)
        .execution_options(synchronize_session=False)
    )
    found = (await tx.execute(statement)).scalars().all()
    return sorted(found, key=lambda row: row.id)


async def _postpone(tx: AsyncSession, row: LogRetryRow, reason: str, now: datetime) -> None:
    if now - row.accepted_at > GIVEN_UP_AFTER:
        log.error("log_connector_gave_up", connector=row.connector, batch=str(row.batch_id))
        HANDED.add(row.connector, "dropped")
        await tx.execute(delete(LogRetryRow).where(LogRetryRow.id == row.id))
        return
    pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(row.attempts, 10))
    await tx.execute(
        update(LogRetryRow)
        .where(LogRetryRow.id == row.id)
        .values(attempts=LogRetryRow.attempts + 1, attempt_at=now + pause, last_error=reason)
        .execution_options(synchronize_session=False)
    )
