"""Instants, dates and durations as they are written in requests."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from notilog.calendar.drafts import Moment

LONGEST = timedelta(days=366)

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DURATION = re.compile(r"([0-9]{1,6})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an RFC 3339 instant such as 2026-11-20T09:00:00+01:00")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise ValueError(f"must be an RFC 3339 instant: {error}") from error


def _date(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date such as 2026-11-20")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"must be a date: {error}") from error


def _moment(value: object) -> Moment:
    is_date = isinstance(value, str) and _DATE.fullmatch(value)
    return _date(value) if is_date else _instant(value)


def _duration(value: object) -> timedelta:
    shape = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if shape is None:
        raise ValueError("must be digits and one of m, h, d, such as 90m")
    duration = int(shape[1]) * _UNITS[shape[2]]
    if duration > LONGEST:
        raise ValueError(f"must be at most {LONGEST.days}d")
    return duration


Instant = Annotated[
    datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
Date = Annotated[date, PlainValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
InstantOrDate = Annotated[
    Moment,
    PlainValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"format": "date-time"}, {"format": "date"}],
            "description": "an RFC 3339 instant with its offset; a date for an all-day event",
        }
    ),
]
Duration = Annotated[
    timedelta,
    PlainValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,6}[mhd]$", "examples": ["90m"]}),
]
