"""Finding records: filters on every field, text, attributes, and pages by ``(ts, id)``."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from struct import Struct
from struct import error as Damaged  # noqa: N812  the class is called "error"
from typing import Final, Literal
from uuid import UUID

from psycopg.errors import QueryCanceled
from sqlalchemy import ColumnElement, Select, func, literal, select, text, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.errors import Invalid
from notilog.logs import levels
from notilog.logs.limits import LogsSettings
from notilog.logs.tables import LogRecordRow
from notilog.users.caller import Caller

Order = Literal["desc", "asc"]

_POSITION: Final = Struct("!q16s")
_WORDS: Final = text("'simple'::regconfig")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which records are asked for; None, or nothing, is every one."""

    project: str | None = None
    module: str | None = None
    level: str | None = None
    min_level: str | None = None
    since: datetime | None = None
    """The first instant, included."""
    until: datetime | None = None
    """The last instant, excluded."""
    words: str | None = None
    """Words of the message, in the syntax of web searches."""
    attrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records, and the cursor behind which the next one begins."""

    records: Sequence[LogRecordRow]
    next: str | None


async def search(
    tx: AsyncSession,
    caller: Caller,
    *,
    filters: Filters,
    order: Order,
    limit: int,
    cursor: str | None = None,
) -> Found:
    """One page.

    A cursor is a place between two records, so it serves both orders: with the other order the
    page goes back from it. Records that arrive meanwhile never move a page.

    Raises:
        Invalid: a level or the cursor is not understood, or the search takes too long.
    """
    statement = select(LogRecordRow).where(*_conditions(filters, caller)).limit(limit + 1)
    place = tuple_(LogRecordRow.ts, LogRecordRow.id)
    if cursor is not None:
        at = tuple_(*map(literal, _place(cursor)))
        statement = statement.where(place < at if order == "desc" else place > at)
    columns = (LogRecordRow.ts, LogRecordRow.id)
    ordered = statement.order_by(*(getattr(column, order)() for column in columns))
    records = await _within_time(tx, ordered)
    page = records[:limit]
    return Found(page, _cursor(page[-1]) if len(records) > limit else None)


def _conditions(filters: Filters, caller: Caller) -> list[ColumnElement[bool]]:
    row = LogRecordRow
    words = func.websearch_to_tsquery(_WORDS, filters.words)
    wanted: list[ColumnElement[bool] | None] = [
        None if caller.project is None else row.project == caller.project,
        None if filters.project is None else row.project == filters.project,
        None if filters.module is None else row.module == filters.module,
        None if filters.level is None else row.level == _level("level", filters.level),
        None if filters.min_level is None else row.level >= _level("min_level", filters.min_level),
        None if filters.since is None else row.ts >= filters.since,
        None if filters.until is None else row.ts < filters.until,
        None if not filters.words else func.to_tsvector(_WORDS, row.message).bool_op("@@")(words),
        *(row.attrs[name].astext == value for name, value in filters.attrs.items()),
    ]
    return [condition for condition in wanted if condition is not None]


def _level(name: str, value: str) -> int:
    try:
        return levels.number_of(value)
    except ValueError as error:
        raise Invalid.field(name, str(error)) from error


async def _within_time(tx: AsyncSession, statement: Select[LogRecordRow]) -> Sequence[LogRecordRow]:
    """The rows, unless they take so long that the search should be narrowed."""
    seconds = config.section(LogsSettings).search_timeout
    milliseconds = str(int(seconds * 1000))
    await tx.execute(select(func.set_config("statement_timeout", milliseconds, True)))
    try:
        return (await tx.execute(statement)).scalars().all()
    except DBAPIError as error:
        if isinstance(error.orig, QueryCanceled):
            advice = f"took longer than {seconds:g} s; narrow it by project or by from and to"
            raise Invalid.field("query", advice) from error
        raise


def _cursor(row: LogRecordRow) -> str:
    return urlsafe_b64encode(
        _POSITION.pack((row.ts - _EPOCH) // _MICROSECOND, row.id.bytes)
    ).decode()


def _place(cursor: str) -> tuple[datetime, UUID]:
    try:
        microseconds, key = _POSITION.unpack(urlsafe_b64decode(cursor))
        return _EPOCH + microseconds * _MICROSECOND, UUID(bytes=key)
    except (ValueError, OverflowError, Damaged) as error:
        raise Invalid.field("cursor", "is not a cursor of this list") from error
