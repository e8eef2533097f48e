"""Indexes of words within a partition that still grows: each for a span of time that is over.

An index of the whole would make every record dearer to store. One of a span that is over costs
nothing to those that arrive, whose time is outside of it; a record that comes late enters it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from psycopg import AsyncConnection, sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.logs.partitions import TABLE, Partition

log = structlog.get_logger(__name__)

STEP: Final = timedelta(minutes=10)
LONG: Final = timedelta(hours=1)
SETTLED: Final = timedelta(minutes=2)
"""How long after its end a span is indexed: most records have arrived by then."""

_FORM: Final = "%Y%m%dT%H%M"
_NAME: Final = re.compile(r"_words_(\d{8}T\d{4})_(\d{8}T\d{4})$")
_INDEXES: Final = text(
    """
    SELECT index.relname AS name, indisvalid AS valid FROM pg_index
    JOIN pg_class AS index ON index.oid = indexrelid
    WHERE indrelid = CAST(:partition AS regclass) AND index.relname ~ '_words_[0-9]'
    ORDER BY index.relname
    """
)


_ALL: Final = text(
    """
    SELECT index.relname FROM pg_inherits
    JOIN pg_index ON indrelid = inhrelid AND indisvalid
    JOIN pg_class AS index ON index.oid = indexrelid
    WHERE inhparent = CAST(:parent AS regclass) AND index.relname ~ '_words_[0-9]'
    """
)


@dataclass(frozen=True, slots=True)
class Span:
    """The index of the records of ``begin <= ts < end``; unfinished when not ``valid``."""

    name: str
    begin: datetime
    end: datetime
    valid: bool = True

    @property
    def is_short(self) -> bool:
        return self.end - self.begin < LONG


async def listing(tx: AsyncSession, partition: Partition) -> list[Span]:
    """The spans of a partition that are indexed or were begun, the oldest first."""
    found = []
    for name, valid in await tx.execute(_INDEXES, {"partition": partition.name}):
        if matched := _NAME.search(name):
            begin, end = (_instant(part) for part in matched.groups())
            found.append(Span(name, begin, end, valid))
    return found


async def bounds(tx: AsyncSession) -> set[datetime]:
    """Where the indexed spans of all partitions begin and end."""
    found: set[datetime] = set()
    for name in await tx.scalars(_ALL, {"parent": TABLE}):
        if matched := _NAME.search(name):
            found |= {_instant(part) for part in matched.groups()}
    return found


def planned(partition: Partition, spans: Sequence[Span], *, now: datetime) -> Span | None:
    """The span to index next: what is over and not indexed yet, or several short ones as one."""
    if partition.begin is None:
        return None
    valid = [span for span in spans if span.valid]
    begin = max((span.end for span in valid), default=partition.begin)
    over = min(now - SETTLED, partition.end)
    end = over - (over - partition.begin) % STEP
    short = [span for span in valid if span.is_short]
    if short and end - short[0].begin >= LONG:
        return _span(partition, short[0].begin, short[0].begin + LONG)
    end = min(end, begin + LONG)
    return _span(partition, begin, end) if end - begin >= STEP else None


async def make(connection: AsyncConnection, partition: Partition, span: Span) -> None:
    """Index a span, without blocking who writes."""
    statement = sql.SQL(
        "CREATE INDEX CONCURRENTLY {} ON {} USING gin (to_tsvector('simple'::regconfig, message))"
        " WHERE ts >= {} AND ts < {}"
    )
    await drop(connection, span)  # one that was not finished is of no use, and in the way
    await connection.execute(
        statement.format(
            sql.Identifier(span.name),
            sql.Identifier(partition.name),
            sql.Literal(span.begin.isoformat()),
            sql.Literal(span.end.isoformat()),
        )
    )
    log.info("log_index_made", index=span.name)


async def drop(connection: AsyncConnection, span: Span) -> None:
    await connection.execute(
        sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(span.name))
    )


def superseded(spans: Sequence[Span], by: Span) -> list[Span]:
    """The spans that lie within another one."""
    return [
        span
        for span in spans
        if span.name != by.name and by.begin <= span.begin and span.end <= by.end
    ]


def _span(partition: Partition, begin: datetime, end: datetime) -> Span:
    return Span(f"{partition.name}_words_{begin:{_FORM}}_{end:{_FORM}}", begin, end)


def _instant(part: str) -> datetime:
    return datetime.strptime(part, _FORM).replace(tzinfo=UTC)
