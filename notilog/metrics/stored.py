"""The sum of what all processes counted, in the database."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.metrics import counted
from notilog.metrics.counted import Sample
from notilog.metrics.tables import MetricRow

log = structlog.get_logger(__name__)

EVERY: Final = 5.0
"""Seconds between two times that a process tells what it counted: what a crash may lose."""
LAST_PATIENCE: Final = 1.0

# In one order everywhere, so that two processes that add at once wait instead of deadlocking.
_ADD = text(
    """
    INSERT INTO metrics AS m (name, labels, value)
    SELECT name, labels, value
    FROM unnest(CAST(:names AS text[]), CAST(:labels AS text[]), CAST(:values AS float8[]))
        AS counted (name, labels, value)
    ORDER BY name, labels
    ON CONFLICT (name, labels) DO UPDATE SET value = m.value + excluded.value
    """
)


async def add(tx: AsyncSession, increments: Mapping[Sample, float]) -> None:
    """Add what a process counted to the sum."""
    if increments:
        ordered = sorted(increments)
        columns = {
            "names": [name for name, _ in ordered],
            "labels": [labels for _, labels in ordered],
            "values": [increments[sample] for sample in ordered],
        }
        await tx.execute(_ADD, columns)


async def everything(tx: AsyncSession) -> dict[Sample, float]:
    """Every sample of all processes."""
    rows = await tx.execute(select(MetricRow.name, MetricRow.labels, MetricRow.value))
    return {(name, labels): value for name, labels, value in rows}


async def flush() -> None:
    """Tell the database what this process counted; if it does not answer, next time."""
    increments = counted.take()
    if not increments:
        return
    left = increments
    try:
        async with transaction() as tx:
            await add(tx, increments)
        left = {}
    except (Unavailable, SQLAlchemyError, OSError) as error:
        log.warning("metrics_not_stored", error=type(error).__name__)
    finally:
        counted.put_back(left)


async def keep_flushing() -> None:
    """Tell the database again and again; when cancelled, a last time."""
    try:
        while True:
            await asyncio.sleep(EVERY)
            await flush()
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_PATIENCE):
                await flush()
