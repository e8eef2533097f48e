"""Handing stored batches to the connectors: each by itself, none delaying the others for long.

The broker keeps a batch until every connector has had it. One that fails to take it gets it again
from ``log_retries``, so that a full disk there stops neither the store nor the others.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock, config
from notilog.db.session import transaction
from notilog.logs.batch import Batch
from notilog.logs.connectors import CONNECTORS
from notilog.logs.connectors.connector import Connector, Handed, NotTaken
from notilog.logs.limits import MIB, LogsSettings
from notilog.logs.measures import HANDED
from notilog.logs.tables import LogRetryRow

log = structlog.get_logger(__name__)

PAUSE: Final = 2.0
"""Seconds for which a connector that failed is given nothing."""
FIRST_RETRY: Final = timedelta(seconds=5)
LONGEST_RETRY: Final = timedelta(minutes=10)
GIVEN_UP_AFTER: Final = timedelta(days=1)
MOST_KEPT: Final = 1024 * MIB
"""Bytes of rows that wait for one connector; what comes then is lost to it, not to the store."""
AT_ONCE: Final = 20
HOPELESS: Final = 3
"""Failures one after the other of single batches, after which the others are not tried."""

_open: dict[str, Connector] = {}
_failed_at: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why batches were not taken, and what of them; None is all."""

    reason: str
    rest: Sequence[Handed] | None = None


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

    Another process that does the same meanwhile gets others. When they fail together each is given
    by itself, so that one that can never be taken does not take the others with it.
    """
    async with transaction() as tx:
        rows = await _claimed(tx, name, now)
    if not rows:
        return False
    failures = await _failures(name, rows)
    async with transaction() as tx:
        for row in rows:
            if (failure := failures.get(row.id)) is not None:
                await _postpone(tx, row, failure, now)
        taken = [row.id for row in rows if row.id not in failures]
        await tx.execute(delete(LogRetryRow).where(LogRetryRow.id.in_(taken)))
    return len(taken) == AT_ONCE


async def _failures(name: str, rows: Sequence[LogRetryRow]) -> dict[UUID, _Failure]:
    """What could not be taken, by the row's id."""
    handed = {row.id: Handed(row.batch_id, row.accepted_at, row.rows) for row in rows}
    together = await _take(name, list(handed.values()))
    if together is None:
        return {}
    if len(handed) == 1 or together.rest is not None:
        rest = {one.id: one for one in together.rest or handed.values()}
        return {
            key: _Failure(together.reason, [rest[one.id]])
            for key, one in handed.items()
            if one.id in rest
        }
    failures: dict[UUID, _Failure] = {}
    in_a_row = 0
    for key, one in handed.items():
        failure = together if in_a_row >= HOPELESS else await _take(name, [one])
        in_a_row = 0 if failure is None else in_a_row + 1
        if failure is not None:
            failures[key] = failure
    return failures


async def waiting(tx: AsyncSession) -> dict[str, int]:
    """How many batches wait for each connector that failed to take them."""
    found = await tx.execute(
        select(LogRetryRow.connector, func.count().label("waiting")).group_by(LogRetryRow.connector)
    )
    return {row.connector: row.waiting for row in found}


async def _give(name: str, batches: list[Handed]) -> None:
    failure = _too_soon(name) or await _take(name, batches)
    if failure is None or not CONNECTORS[name].durable:
        return
    rest = batches if failure.rest is None else failure.rest
    async with transaction() as tx:
        size = func.coalesce(func.sum(func.octet_length(LogRetryRow.rows)), 0)
        kept = await tx.scalar(select(size).where(LogRetryRow.connector == name)) or 0
        if kept >= MOST_KEPT:
            log.error("log_connector_lost_batches", connector=name, batches=len(rest))
            HANDED.add(name, "dropped", amount=len(rest))
            return
        at = clock.now() + FIRST_RETRY
        tx.add_all(
            LogRetryRow(
                connector=name,
                batch_id=batch.id,
                accepted_at=batch.accepted_at,
                rows=batch.rows,
                attempt_at=at,
                last_error=failure.reason,
            )
            for batch in rest
        )


def _too_soon(name: str) -> _Failure | None:
    """A connector that failed is left alone for a moment by what is new."""
    failed_at = _failed_at.get(name)
    if failed_at is None or monotonic() - failed_at >= PAUSE:
        return None
    HANDED.add(name, "postponed")
    return _Failure("it failed just before")


async def _take(name: str, batches: list[Handed]) -> _Failure | None:
    """What the connector could not take, and why; None when it could."""
    try:
        async with asyncio.timeout(config.section(LogsSettings).connector_timeout):
            await _connector(name).take(batches)
    except Exception as error:
        log.warning("log_connector_failed", connector=name, exc_info=name not in _failed_at)
        _failed_at[name] = monotonic()
        HANDED.add(name, "failed", amount=len(batches))
        reason = f"{type(error).__name__}: {error}"[:1000]
        return _Failure(reason, error.rest if isinstance(error, NotTaken) else None)
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


async def _postpone(tx: AsyncSession, row: LogRetryRow, failure: _Failure, now: datetime) -> None:
    if now - row.accepted_at > GIVEN_UP_AFTER:
        log.error("log_connector_gave_up", connector=row.connector, batch=str(row.batch_id))
        HANDED.add(row.connector, "dropped")
        await tx.execute(delete(LogRetryRow).where(LogRetryRow.id == row.id))
        return
    pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(row.attempts, 10))
    (rest,) = failure.rest or (None,)
    await tx.execute(
        update(LogRetryRow)
        .where(LogRetryRow.id == row.id)
        .values(
            attempts=LogRetryRow.attempts + 1,
            attempt_at=now + pause,
            last_error=failure.reason,
            rows=row.rows if rest is None else rest.rows,
        )
        .execution_options(synchronize_session=False)
    )
