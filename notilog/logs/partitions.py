"""Partitions of the records: one a day, made ahead, and one for all that lies before the first.

Whatever is older than the platform, such as an import, is in the first one, without a beginning.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.db.session import asking, dedicated, driver_connection, transaction
from notilog.logs.limits import LogsSettings

log = structlog.get_logger(__name__)

TABLE: Final = "log_records"
DAY: Final = timedelta(days=1)
LOCK: Final = 0x6C6F6773  # of PostgreSQL's advisory locks: one makes or drops partitions at a time

_LISTING: Final = text(
    """
    SELECT child.relname AS name, pg_get_expr(child.relpartbound, child.oid) AS bounds
    FROM pg_inherits
    JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = CAST(:parent AS regclass) AND NOT inhdetachpending
    ORDER BY child.relname = :first DESC, child.relname
    """
)
_LEFT: Final = text(
    """
    SELECT relname AS name, coalesce(inhdetachpending, false) AS pending
    FROM pg_class
    LEFT JOIN pg_inherits ON inhrelid = pg_class.oid
    WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = CAST(:parent AS regclass))
      AND relkind = 'r' AND relname ~ ('^' || :parent || '_[0-9]{8}$')
      AND (inhparent IS NULL OR inhdetachpending)
      AND obj_description(pg_class.oid, 'pg_class') = :mark
    """
)
_MARK: Final = "NotiLog drops this"
"""The comment on a partition that is being dropped: whoever else detaches one keeps it."""
_FIRST: Final = f"{TABLE}_past"
_BOUNDS: Final = re.compile(r"FROM \((?:'(?P<begin>[^']+)'|MINVALUE)\) TO \('(?P<end>[^']+)'\)")

_made: dict[str, datetime] = {}


@dataclass(frozen=True, slots=True)
class Partition:
    """A table with the records of ``begin <= ts < end``; the first has no beginning."""

    name: str
    begin: datetime | None
    end: datetime


async def listing(tx: AsyncSession) -> list[Partition]:
    """Every partition, the oldest first."""
    found = await tx.execute(_LISTING, {"parent": TABLE, "first": _FIRST})
    return [_partition(row.name, row.bounds) for row in found]


async def ensure(now: datetime) -> None:
    """Make partitions for the days to come, unless this process knows that they are there."""
    url = config.current().core.database_url.get_secret_value()
    if _made.get(url, now) >= now + 2 * DAY:
        return
    _made[url] = await make_ahead(now, days=config.section(LogsSettings).partitions_ahead)


async def make_ahead(now: datetime, *, days: int) -> datetime:
    """Make what is missing up to so many days from now; returns the end of the last one."""
    async with transaction() as tx:
        await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        end = (await listing(tx))[-1].end
        while end < now + days * DAY:
            await _make(tx, end)
            end += DAY
    return end


async def fill(tx: AsyncSession, moments: Iterable[datetime]) -> bool:
    """Make the partitions of days that were dropped, for records of that time; says if there were.

    Days behind the last partition are not made: they are too far ahead.
    """
    await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    known = await listing(tx)
    days = {at.replace(hour=0, minute=0, second=0, microsecond=0) for at in moments}
    missing = [
        day
        for day in sorted(days)
        if day < known[-1].end and not any((p.begin or day) <= day < p.end for p in known)
    ]
    for day in missing:
        await _make(tx, day)
    return bool(missing)


async def _make(tx: AsyncSession, begin: datetime) -> None:
    """Attached rather than made in place, so that writers of other days do not wait."""
    names = {"new": sql.Identifier(f"{TABLE}_{begin:%Y%m%d}"), "parent": sql.Identifier(TABLE)}
    bounds = {
        "begin": sql.Literal(begin.isoformat()),
        "end": sql.Literal((begin + DAY).isoformat()),
    }
    connection = await driver_connection(tx)
    await connection.execute(
        sql.SQL(
            "CREATE TABLE {new} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        ).format(**names)
    )
    await connection.execute(
        sql.SQL(
            "CREATE STATISTICS {words} ON (to_tsvector('simple'::regconfig, message)) FROM {new}"
        ).format(words=sql.Identifier(f"{TABLE}_{begin:%Y%m%d}_words_known"), **names)
    )
    await connection.execute(
        sql.SQL(
            "ALTER TABLE {parent} ATTACH PARTITION {new} FOR VALUES FROM ({begin}) TO ({end})"
        ).format(**names, **bounds)
    )


async def drop(partition: Partition) -> None:
    """Drop a partition; who reads or writes others does not wait."""
    names = {"old": sql.Identifier(partition.name), "parent": sql.Identifier(TABLE)}
    async with dedicated() as connection:
        await connection.execute(
            sql.SQL("COMMENT ON TABLE {old} IS {mark}").format(**names, mark=sql.Literal(_MARK))
        )
        await connection.execute(
            sql.SQL("ALTER TABLE {parent} DETACH PARTITION {old} CONCURRENTLY").format(**names)
        )
        await connection.execute(sql.SQL("DROP TABLE {old}").format(**names))
    log.info("log_partition_dropped", partition=partition.name)


async def finish_dropping() -> None:
    """Drop what was detached by a process that then died."""
    async with asking(primary=True) as tx:
        left = (await tx.execute(_LEFT, {"parent": TABLE, "mark": _MARK})).all()
    for name, pending in left:
        names = {"old": sql.Identifier(name), "parent": sql.Identifier(TABLE)}
        async with dedicated() as connection:
            if pending:
                await connection.execute(
                    sql.SQL("ALTER TABLE {parent} DETACH PARTITION {old} FINALIZE").format(**names)
                )
            await connection.execute(sql.SQL("DROP TABLE IF EXISTS {old}").format(**names))


def _partition(name: str, bounds: str) -> Partition:
    found = _BOUNDS.search(bounds)
    if found is None:
        raise ValueError(f"the partition {name} has bounds that are not ours: {bounds}")
    begin = found["begin"]
    return Partition(name, None if begin is None else _instant(begin), _instant(found["end"]))


def _instant(text_of: str) -> datetime:
    return datetime.fromisoformat(text_of).astimezone(UTC)
