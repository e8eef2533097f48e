"""A record of Python's logging as one line of what `POST /api/v1/logs` takes."""

import logging
import os
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from notilog.agent.attributes import attrs_of, encode
from notilog.agent.texts import fitted, shown, word

LONGEST: Final = 64 * 1024
"""Bytes of a message, and of a stack trace."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_48_BITS: Final = 2**48 - 1
_HIGHEST_LEVEL: Final = 100
_OWN: Final = frozenset(
    (*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "exc_text")
)
_FIELDS: Final = ("trace_id", "span_id", "request_id")
_formatted: Final = logging.Formatter().formatException


@dataclass(frozen=True, slots=True)
class Origin:
    """What all records of a program share.

    ``module`` is None where it is the name of each record's logger.
    """

    project: str
    module: str | None = None
    host: str | None = None
    service: str | None = None
    environment: str | None = None


def line_of(
    record: logging.LogRecord, origin: Origin, *, formatter: logging.Formatter | None = None
) -> bytes:
    """The record as a line without its end; never longer than 900 KiB."""
    moment = datetime.fromtimestamp(record.created, UTC)
    logger = word(shown(record.name, by=str))
    fields: dict[str, Any] = {
        "id": str(_id(moment)),
        "ts": moment.isoformat(timespec="microseconds"),
        "level": min(max(int(record.levelno), 1), _HIGHEST_LEVEL),
        "project": origin.project,
        "module": origin.module or logger or "root",
        "message": fitted(_message(record, formatter), LONGEST),
        "logger": logger,
    }
    for name in ("host", "service", "environment"):
        if (value := getattr(origin, name)) is not None:
            fields[name] = value
    if trace := _stack_trace(record):
        fields["stack_trace"] = fitted(trace, LONGEST, keep_end=True)
    extra = {name: value for name, value in vars(record).items() if name not in _OWN}
    for name in _FIELDS:
        if (value := extra.pop(name, None)) is not None:
            fields[name] = word(shown(value, by=str))
    if extra:
        fields["attrs"] = attrs_of(extra)
    return encode(fields).encode()


def warning_line(text: str, origin: Origin, *, created: float) -> bytes:
    """A record of our own, such as that others were dropped."""
    made = logging.makeLogRecord(
        {"name": __package__, "levelno": logging.WARNING, "msg": text, "created": created}
    )
    return line_of(made, origin)


def _message(record: logging.LogRecord, formatter: logging.Formatter | None) -> str:
    try:
        if formatter is None:
            return record.getMessage()
        bare = copy(record)
        bare.exc_info = bare.exc_text = bare.stack_info = None
        return formatter.format(bare)
    except Exception as error:  # noqa: BLE001  it is the program's own code
        why = f"{type(error).__name__} while the message was made"
        message = shown(record.msg, by=str)
        return f"{message} [{why}, with {shown(record.args)}]"


def _stack_trace(record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(shown(record.exc_info, by=_of_exception))
    elif record.exc_text:
        parts.append(shown(record.exc_text, by=str))
    if record.stack_info:
        parts.append(shown(record.stack_info, by=str))
    return "\n".join(parts)


def _of_exception(exc_info: Any) -> str:
    return _formatted(exc_info)


def _id(moment: datetime) -> UUID:
    """A UUIDv7 of the record's own time, so that ids sort as records do, to a microsecond or so."""
    since = moment - _EPOCH
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    within = since.microseconds % 1000 * 4
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=(milliseconds & _48_BITS) << 80 | 7 << 76 | within << 64 | 0b10 << 62 | random)
