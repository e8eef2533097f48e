"""Indexes of closed partitions, for searches; made one at a time, without blocking who writes.

A partition that still grows has only what is cheap to write. Once its day is over it hardly
changes, and gets what each kind of search needs.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from psycopg import AsyncConnection, sql
from sqlalchemy import text

from notilog import config
from notilog.db.session import asking, dedicated
from notilog.logs import partitions
from notilog.logs.limits import LogsSettings
from notilog.logs.partitions import LOCK, Partition

log = structlog.get_logger(__name__)

INDEXES: Final = {
    "place": "btree (project, level, ts, id)",
    "module": "btree (project, module, ts, id)",
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


async def index_closed(now: datetime) -> list[str]:
    """Make the indexes that closed partitions lack; returns their names.

    When another process is at it, nothing is done.
    """
    closed_before = now - timedelta(hours=config.section(LogsSettings).search_index_after)
    async with asking(primary=True) as tx:
        closed = [part for part in await partitions.listing(tx) if part.end <= closed_before]
        lacking = [
            (part, end)
            for part in reversed(closed)  # what is new is searched most
            for end in await _lacking(tx, part)
        ]
    if not lacking:
        return []
    made: list[str] = []
    async with dedicated() as connection:
        if not await _is_alone(connection):
            return []
        for partition, end in lacking:
            await _make(connection, partition, end)
            made.append(f"{partition.name}_{end}")
        for name in dict.fromkeys(part.name for part, _ in lacking):
            await connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))
    return made


async def _lacking(tx: object, partition: Partition) -> list[str]:
    valid = set(await tx.scalars(_VALID, {"partition": partition.name}))  # type: ignore[attr-defined]
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
