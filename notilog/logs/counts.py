"""How many records there are by minute, level, project and module, kept beside the records.

Histograms, facets and the size of a project are sums of these: they cost the same however many
records are stored.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.logs.rows import COUNTED_MINUTE, Counts

COUNTED_FROM: Final = """
    INSERT INTO log_counts (minute, level, project, module, records, bytes)
    SELECT date_trunc('minute', ts), level, project, module, {sign}count(*),
           {sign}sum(octet_length(message) + coalesce(octet_length(stack_trace), 0)
                     + coalesce(octet_length(attrs::text), 0) + 64)
    FROM {0} GROUP BY 1, 2, 3, 4
"""
"""Counts rows of ``{0}``, which were added (no ``sign``) or taken away (``-``)."""

_ADD: Final = text(
    """
    INSERT INTO log_counts (minute, level, project, module, records, bytes)
    SELECT * FROM unnest(
        CAST(:minute AS timestamptz[]), CAST(:level AS smallint[]), CAST(:project AS text[]),
        CAST(:module AS text[]), CAST(:records AS int[]), CAST(:bytes AS bigint[])
    )
    """
)
_MERGE: Final = text(
    """
    WITH span AS (
        SELECT minute FROM log_counts WHERE NOT merged AND minute < :until
        ORDER BY minute LIMIT :most
    ), gone AS (
        DELETE FROM log_counts
        WHERE NOT merged AND minute BETWEEN (SELECT min(minute) FROM span)
                                        AND (SELECT max(minute) FROM span)
        RETURNING *
    )
    INSERT INTO log_counts (minute, level, project, module, records, bytes, merged)
    SELECT minute, level, project, module, sum(records), sum(bytes), true
    FROM gone GROUP BY 1, 2, 3, 4 HAVING sum(records) <> 0
    RETURNING 1
    """
)
_MERGED_AT_ONCE: Final = 50_000
_SETTLED: Final = timedelta(minutes=2)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


async def add(tx: AsyncSession, counts: Sequence[Counts]) -> None:
    """Add what was counted of several batches."""
    total: dict[tuple[int, int, str, str], list[int]] = {}
    for counted in counts:
        for key, (records, size) in counted.items():
            sums = total.setdefault(key, [0, 0])
            sums[0] += records
            sums[1] += size
    if not total:
        return
    columns: dict[str, list[Any]] = {
        "minute": [_minute(key[0]) for key in total],
        "level": [key[1] for key in total],
        "project": [key[2] for key in total],
        "module": [key[3] for key in total],
        "records": [records for records, _ in total.values()],
        "bytes": [size for _, size in total.values()],
    }
    await tx.execute(_ADD, columns)


async def merge(tx: AsyncSession, now: datetime) -> bool:
    """Add up the counts of past minutes to one each; says whether there may be more to do."""
    values = {"until": now - _SETTLED, "most": _MERGED_AT_ONCE}
    return bool((await tx.execute(_MERGE, values)).first())


def _minute(number: int) -> datetime:
    return _EPOCH + timedelta(microseconds=number * COUNTED_MINUTE)
