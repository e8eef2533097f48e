"""Indexes for searches; made one at a time, without blocking who writes.

A partition that still grows has only what is cheap to write, see also `notilog.logs.spans`. Once
its day is over it hardly changes, and gets what each kind of search needs.
"""

from datetime import datetime, timedelta
from typing import Final

import psycopg
import structlog
from psycopg import AsyncConnection, sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.db.session import asking, dedicated
from notilog.logs import partitions, spans
from notilog.logs.limits import LogsSettings
from notilog.logs.partitions import LOCK, Partition

log = structlog.get_logger(__name__)

INDEXES: Final = {
    "place": "btree (project, level, ts, id)",
    "module": "btree (project, module, ts, id)",
    "trace": "btree (trace_id, ts) WHERE trace_id IS NOT NULL",
    "request": "btree (request_id, ts) WHERE request_id IS NOT NULL",
    "words": "gin (to_tsvector('simple'::regconfig, message)) WITH (fastupdate = off)",
    "attrs": "gin (attrs jsonb_path_ops) WITH (fastupdate = off)",
}
"""By the end of its name, what `CREATE INDEX` says after ``USING``."""

_VALID: Final = text(
    """
    SELECT index.relname FROM pg_index
    JOIN pg_class AS index ON index.oid = indexrelid
    WHERE indrelid = CAST(:partition AS regclass) AND indisvalid
    """
)


async def index(now: datetime) -> list[str]:
    """Make the indexes that growing days lack, and those of one closed day; returns their names.

    The next closed day is left to the next time, so that the growing one never waits for many. When
    another process is at it, nothing is done.
    """
    closed_before = now - timedelta(hours=config.section(LogsSettings).search_index_after)
    async with asking(primary=True) as tx:
        found = await partitions.listing(tx)
    closed = [part for part in found if part.end <= closed_before]
    growing = [part for part in found if part.end > closed_before and (part.begin or now) < now]
    async with dedicated() as connection:
        if not await _is_alone(connection):
            return []
        made = []
        for part in reversed(growing):
            made += await _index_spans(connection, part, now)
        for part in reversed(closed):  # what is new is searched most
            if whole := await _tried(connection, part):
                return made + whole
    return made


async def _tried(connection: AsyncConnection, partition: Partition) -> list[str]:
    """One day that cannot be indexed keeps no other from it."""
    try:
        return await _index_whole(connection, partition)
    except psycopg.Error:
        log.exception("log_partition_not_indexed", partition=partition.name)
        return []


async def _index_spans(
    connection: AsyncConnection, partition: Partition, now: datetime
) -> list[str]:
    made: list[str] = []
    while True:
        async with asking(primary=True) as tx:
            known = await spans.listing(tx, partition)
        planned = spans.planned(partition, known, now=now)
        if planned is None:
            break
        await spans.make(connection, partition, planned)
        for old in spans.superseded(known, planned):
            await spans.drop(connection, old)
        made.append(planned.name)
    if made:
        await _analyze(connection, partition)
    return made


async def _index_whole(connection: AsyncConnection, partition: Partition) -> list[str]:
    async with asking(primary=True) as tx:
        lacking = await _lacking(tx, partition)
        known = await spans.listing(tx, partition)
    for end in lacking:
        await _make(connection, partition, end)
    for span in known:  # the index of the whole takes their place
        await spans.drop(connection, span)
    if lacking:
        await _analyze(connection, partition)
    return [f"{partition.name}_{end}" for end in lacking]


async def _analyze(connection: AsyncConnection, partition: Partition) -> None:
    await connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(partition.name)))


async def _lacking(tx: AsyncSession, partition: Partition) -> list[str]:
    valid = set(await tx.scalars(_VALID, {"partition": partition.name}))
    return [end for end in INDEXES if f"{partition.name}_{end}" not in valid]


async def _is_alone(connection: AsyncConnection) -> bool:
    """Whether nobody else builds; the lock ends with the connection."""
    answer = await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK + 1,))
    row = await answer.fetchone()
    return bool(row and row[0])


async def _make(connection: AsyncConnection, partition: Partition, end: str) -> None:
    name = sql.Identifier(f"{partition.name}_{end}")
    # One that was not finished is of no use, and in the way.
    await connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(name))
    await connection.execute(
        sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} USING " + INDEXES[end]).format(
            name, sql.Identifier(partition.name)
        )
    )
    log.info("log_index_made", index=f"{partition.name}_{end}")
