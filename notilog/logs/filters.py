"""Which records are asked for: filters on every field, and what PostgreSQL makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Executable, Row, func, or_, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from notilog import config
from notilog.db import questions
from notilog.errors import Invalid
from notilog.logs import levels
from notilog.logs.limits import LogsSettings
from notilog.logs.record import WORDS
from notilog.logs.tables import LogCountRow, LogModuleCountRow, LogRecordRow
from notilog.users.caller import Caller

_SIMPLE: Final = text("'simple'::regconfig")
LONGEST_NUMBER: Final = 17
"""Digits of an attribute that is asked for as a number: those that a float holds."""


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
    host: str | None = None
    service: str | None = None
    environment: str | None = None
    logger: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    request_id: str | None = None
    attrs: Mapping[str, str] = field(default_factory=dict)

    @property
    def are_none(self) -> bool:
        """Whether nothing is narrowed."""
        return not any(getattr(self, each.name) for each in fields(self))

    @property
    def are_counted(self) -> bool:
        """Whether what is counted beside the records is enough to count what they ask for."""
        are_texts = any(getattr(self, name) is not None for name in WORDS)
        return not (self.words or self.attrs or are_texts)


def conditions(filters: Filters, caller: Caller) -> list[ColumnElement[bool]]:
    """What records must meet, and that the caller may see them.

    Raises:
        Invalid: a level is not understood.
    """
    row = LogRecordRow
    wanted = [*_shared(row, filters, caller), *_of_module(row, filters)]
    wanted += _between(row.ts, filters.since, filters.until)
    if filters.words:
        words = func.websearch_to_tsquery(_SIMPLE, filters.words)
        wanted.append(func.to_tsvector(_SIMPLE, row.message).bool_op("@@")(words))
    for name in WORDS:
        value = getattr(filters, name)
        if value is not None:
            wanted.append(getattr(row, name) == value)
    wanted += [_attribute(name, value) for name, value in filters.attrs.items()]
    return wanted


def minute_conditions(filters: Filters, caller: Caller) -> list[ColumnElement[bool]]:
    """The same for what is counted by minute, project and level; a minute that has begun is whole.

    Raises:
        Invalid: a level is not understood.
    """
    begin = filters.since and filters.since.replace(second=0, microsecond=0)
    wanted = _shared(LogCountRow, filters, caller)
    return wanted + _between(LogCountRow.minute, begin, filters.until)


def hour_conditions(filters: Filters, caller: Caller) -> list[ColumnElement[bool]]:
    """The same for what is counted by hour, project, module and level, for whole hours.

    Raises:
        Invalid: a level is not understood.
    """
    row = LogModuleCountRow
    wanted = [*_shared(row, filters, caller), *_of_module(row, filters)]
    return wanted + _between(row.hour, filters.since, filters.until)


async def within_time(tx: AsyncSession, statement: Executable) -> Sequence[Row[Any]]:
    """The rows of a statement; all those of one transaction share the time that a search may take.

    Raises:
        Invalid: it took so long that the search should be narrowed.
    """
    return await questions.within_time(
        tx,
        statement,
        seconds=config.section(LogsSettings).search_timeout,
        narrow="project or by from and to",
    )


def _shared(
    row: type[LogRecordRow | LogCountRow | LogModuleCountRow], filters: Filters, caller: Caller
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool] | None] = [
        None if caller.project is None else row.project == caller.project,
        None if filters.project is None else row.project == filters.project,
        None if filters.level is None else row.level == _level("level", filters.level),
        None if filters.min_level is None else row.level >= _level("min_level", filters.min_level),
    ]
    return [condition for condition in wanted if condition is not None]


def _of_module(
    row: type[LogRecordRow | LogModuleCountRow], filters: Filters
) -> list[ColumnElement[bool]]:
    return [] if filters.module is None else [row.module == filters.module]


def _between(
    at: InstrumentedAttribute[datetime], since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    begin = [] if since is None else [at >= since]
    return begin if until is None else [*begin, at < until]


def _attribute(name: str, value: str) -> ColumnElement[bool]:
    """That an attribute is a text, or a number or the like that is written so.

    Containment is what the index knows.
    """
    return or_(*(LogRecordRow.attrs.contains({name: one}) for one in meanings(value)))


def meanings(value: str) -> list[Any]:
    """What an attribute may be that is asked for by a text: that text, a number, true or false."""
    try:
        other = msgspec.json.decode(value) if len(value) <= LONGEST_NUMBER else None
    except msgspec.DecodeError:
        return [value]
    return [value, other] if isinstance(other, int | float) else [value]


def _level(name: str, value: str) -> int:
    try:
        return levels.number_of(value)
    except ValueError as error:
        raise Invalid.field(name, str(error)) from error
