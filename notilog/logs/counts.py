"""How many records there are, kept beside the records: by minute, project and level, and by module.

Histograms, facets and the size of a project are sums of these: they cost the same however many
records are stored.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.logs.rows import BESIDES, COUNTED_MINUTE, Counts

_SIZE: Final = (
    "octet_length(message) + coalesce(octet_length(stack_trace), 0)"
    f" + coalesce(octet_length(attrs::text), 0) + {BESIDES}"
)
COUNTED_FROM: Final = f"""
    by_minute AS (
        INSERT INTO log_counts (minute, project, level, records, bytes)
        SELECT date_trunc('minute', ts), project, level, {{sign}}count(*), {{sign}}sum({_SIZE})
        FROM {{rows}} GROUP BY 1, 2, 3
    )
    INSERT INTO log_module_counts (hour, project, module, level, records)
    SELECT date_trunc('hour', ts), project, module, level, {{sign}}count(*)
    FROM {{rows}} GROUP BY 1, 2, 3, 4
"""  # noqa: S608  names of our own columns
"""The end of a WITH that counts ``rows``, which were added (no ``sign``) or taken away (``-``)."""

_ADD: Final = text(
    """
    INSERT INTO log_counts (minute, project, level, records, bytes)
    SELECT * FROM unnest(
        CAST(:minutes AS timestamptz[]), CAST(:projects AS text[]), CAST(:levels AS smallint[]),
        CAST(:records AS int[]), CAST(:bytes AS bigint[])
    )
    """
)
_ADD_MODULES: Final = text(
    """
    INSERT INTO log_module_counts (hour, project, module, level, records)
    SELECT * FROM unnest(
        CAST(:hours AS timestamptz[]), CAST(:projects AS text[]), CAST(:modules AS text[]),
        CAST(:levels AS smallint[]), CAST(:records AS int[])
    )
    """
)
_MERGE: Final = """
    WITH span AS (
        SELECT {at} FROM {table} WHERE NOT merged AND {at} < :until ORDER BY {at} LIMIT :most
    ), gone AS (
        DELETE FROM {table}
        WHERE {at} BETWEEN (SELECT min({at}) FROM span)
                         AND (SELECT max({at}) FROM span)
        RETURNING *
    ), put AS (
        INSERT INTO {table} ({keys}, {sums}, merged)
        SELECT {keys}, {added}, true FROM gone GROUP BY {keys} HAVING sum(records) <> 0
    )
    SELECT count(*) FROM gone
"""
_MERGES: Final = (
    text(
        _MERGE.format(
            table="log_counts",
            at="minute",
            keys="minute, project, level",
            sums="records, bytes",
            added="sum(records), sum(bytes)",
        )
    ),
    text(
        _MERGE.format(
            table="log_module_counts",
            at="hour",
            keys="hour, project, module, level",
            sums="records",
            added="sum(records)",
        )
    ),
)
_MERGED_AT_ONCE: Final = 50_000
_SETTLED: Final = timedelta(minutes=2)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_HOUR: Final = 60


async def add(tx: AsyncSession, counts: Sequence[Counts]) -> None:
    """Add what was counted of several batches."""
    by_minute: dict[tuple[int, str, int], list[int]] = {}
    by_module: dict[tuple[int, str, str, int], int] = {}
    for counted in counts:
        for (minute, level, project, module), (records, size) in counted.items():
            sums = by_minute.setdefault((minute, project, level), [0, 0])
            sums[0] += records
            sums[1] += size
            hourly = (minute // _HOUR, project, module, level)
            by_module[hourly] = by_module.get(hourly, 0) + records
    if not by_minute:
        return
    await tx.execute(
        _ADD,
        {
            "minutes": [minute_at(minute) for minute, _, _ in by_minute],
            "projects": [project for _, project, _ in by_minute],
            "levels": [level for _, _, level in by_minute],
            "records": [records for records, _ in by_minute.values()],
            "bytes": [size for _, size in by_minute.values()],
        },
    )
    await tx.execute(
        _ADD_MODULES,
        {
            "hours": [minute_at(hour * _HOUR) for hour, _, _, _ in by_module],
            "projects": [project for _, project, _, _ in by_module],
            "modules": [module for _, _, module, _ in by_module],
            "levels": [level for _, _, _, level in by_module],
            "records": list(by_module.values()),
        },
    )


async def merge(tx: AsyncSession, now: datetime) -> bool:
    """Add up the counts of the past to one each; says whether there may be more to do."""
    values = {"until": now - _SETTLED, "most": _MERGED_AT_ONCE}
    gone = [await tx.scalar(statement, values) or 0 for statement in _MERGES]
    return any(gone)


def minute_at(minute: int) -> datetime:
    """The instant at which a counted minute begins.

    Raises:
        OverflowError: it is of no year that Python has.
    """
    return _EPOCH + timedelta(microseconds=minute * COUNTED_MINUTE)
