"""Counting records: over time, and by what they have in common.

What is asked by time, project, module and level alone comes from the counts, and costs the same
however many records there are; anything else is counted among the records themselves.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Label, Select, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from notilog.errors import Invalid
from notilog.instants import OUT_OF_YEARS
from notilog.logs import levels
from notilog.logs.filters import (
    Filters,
    conditions,
    hour_conditions,
    minute_conditions,
    within_time,
)
from notilog.logs.tables import LogCountRow, LogModuleCountRow, LogRecordRow
from notilog.users.caller import Caller

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MOST_BUCKETS: Final = 2_000
USUAL_BUCKETS: Final = 120
INTERVALS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        1,
        5,
        10,
        30,
        60,
        300,
        600,
        1800,
        3600,
        3 * 3600,
        6 * 3600,
        24 * 3600,
        7 * 86400,
    )
)
COUNTED_FIELDS: Final = ("level", "project", "module")
FIELDS: Final = (*COUNTED_FIELDS, "host", "service", "environment", "logger")
SAMPLE: Final = 100_000
_ORIGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many records an interval has, by the names of their levels."""

    start: datetime
    levels: dict[str, int]


@dataclass(frozen=True, slots=True)
class Histogram:
    interval: timedelta
    buckets: list[Bucket]


@dataclass(frozen=True, slots=True)
class Facets:
    """The most frequent values of fields; ``sampled`` when only the newest records were counted."""

    values: dict[str, list[tuple[str, int]]]
    sampled: bool


async def histogram(
    tx: AsyncSession,
    caller: Caller,
    *,
    filters: Filters,
    interval: timedelta | None,
    now: datetime,
) -> Histogram:
    """Records over time, in whole intervals since midnight UTC; the last day unless asked else.

    Raises:
        Invalid: too many intervals, a level is not understood, or the counting takes too long.
    """
    try:
        length, whole = _whole_intervals(filters, interval, now)
    except OverflowError:
        raise Invalid.field("from", OUT_OF_YEARS) from None
    statement = _over_time(whole, caller, length).group_by("start", "level").order_by("start")
    found: dict[datetime, dict[str, int]] = {}
    for row in await within_time(tx, statement):
        if row.records > 0:
            found.setdefault(row.start, {})[levels.NAMES[row.level]] = int(row.records)
    return Histogram(length, [Bucket(start, counts) for start, counts in found.items()])


async def facets(
    tx: AsyncSession, caller: Caller, *, filters: Filters, fields: Sequence[str], limit: int
) -> Facets:
    """The most frequent values of these fields among the records asked for.

    Raises:
        Invalid: there is no such field, a level is not understood, or it takes too long.
    """
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise Invalid.field("field", f"must be of {', '.join(FIELDS)}")
    counted = [name for name in fields if _are_in_counts(name, filters)]
    others = [name for name in fields if name not in counted]
    values = {name: await _from_counts(tx, caller, filters, name) for name in counted}
    sampled = False
    if others:
        among, sampled = await _among_records(tx, caller, filters, others)
        values |= among
    return Facets({name: _most_frequent(name, values[name], limit) for name in fields}, sampled)


def _whole_intervals(
    filters: Filters, interval: timedelta | None, now: datetime
) -> tuple[timedelta, Filters]:
    """The length of the intervals, and the filters with the whole ones they touch.

    Raises:
        OverflowError: they reach beyond the years there are.
    """
    until = filters.until or now
    since = filters.since or until - DAY
    if since >= until:
        raise Invalid.field("from", "must be before to")
    length = interval or _usual(until - since)
    if (until - since) / length > MOST_BUCKETS:
        raise Invalid.field("interval", f"must be longer: at most {MOST_BUCKETS} are shown")
    begin = since - (since - _ORIGIN) % length
    return length, replace(filters, since=begin, until=until + (_ORIGIN - until) % length)


def _over_time(filters: Filters, caller: Caller, length: timedelta) -> Select[Any]:
    """From the counts when they are fine enough, else from the records."""
    if filters.are_counted and filters.module is None and not length % MINUTE:
        start, level = _binned(LogCountRow.minute, length), LogCountRow.level
        total: Any = func.sum(LogCountRow.records)
        wanted = minute_conditions(filters, caller)
    elif filters.are_counted and not length % HOUR:
        start, level = _binned(LogModuleCountRow.hour, length), LogModuleCountRow.level
        total = func.sum(LogModuleCountRow.records)
        wanted = hour_conditions(filters, caller)
    else:
        start, level = _binned(LogRecordRow.ts, length), LogRecordRow.level
        total = func.count()
        wanted = conditions(filters, caller)
    return select(start, level.label("level"), total.label("records")).where(*wanted)


def _are_in_counts(name: str, filters: Filters) -> bool:
    if not filters.are_counted or name not in COUNTED_FIELDS:
        return False
    if name != "module" and filters.module is None:
        return True
    return all(at is None or at == _hour_of(at) for at in (filters.since, filters.until))


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


async def _from_counts(
    tx: AsyncSession, caller: Caller, filters: Filters, name: str
) -> Counter[object]:
    if name != "module" and filters.module is None:
        row: type[LogCountRow | LogModuleCountRow] = LogCountRow
        wanted = minute_conditions(filters, caller)
    else:
        row, wanted = LogModuleCountRow, hour_conditions(filters, caller)
    column = getattr(row, name)
    statement = (
        select(column.label("value"), func.sum(row.records).label("records"))
        .where(*wanted)
        .group_by(column)
    )
    return Counter({found.value: int(found.records) for found in await within_time(tx, statement)})


async def _among_records(
    tx: AsyncSession, caller: Caller, filters: Filters, names: Sequence[str]
) -> tuple[dict[str, Counter[object]], bool]:
    newest = (
        select(*(getattr(LogRecordRow, name) for name in names))
        .where(*conditions(filters, caller))
        .order_by(LogRecordRow.ts.desc(), LogRecordRow.id.desc())
        .limit(SAMPLE)
        .subquery()
    )
    columns = [newest.c[name] for name in names]
    grouped = select(*columns, func.count().label("records")).group_by(*columns)
    values: dict[str, Counter[object]] = {name: Counter() for name in names}
    total = 0
    for row in await within_time(tx, grouped):
        total += row.records
        for name in names:
            values[name][getattr(row, name)] += row.records
    return values, total >= SAMPLE


def _binned(at: InstrumentedAttribute[datetime], length: timedelta) -> Label[datetime]:
    return func.date_bin(literal(length), at, literal(_ORIGIN)).label("start")


def _most_frequent(name: str, counts: Counter[object], limit: int) -> list[tuple[str, int]]:
    found = sorted(
        ((value, number) for value, number in counts.items() if number > 0 and value is not None),
        key=lambda pair: (-pair[1], str(pair[0])),
    )
    is_level = name == "level"
    return [(levels.NAMES[int(str(v))] if is_level else str(v), n) for v, n in found[:limit]]


def _usual(span: timedelta) -> timedelta:
    return next((each for each in INTERVALS if span / each <= USUAL_BUCKETS), INTERVALS[-1])
