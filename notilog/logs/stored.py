"""Rows of `notilog.logs.rows` read back as records, for what works on a batch after the store."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from notilog.logs.rows import BESIDES, COLUMNS, COUNTED_MINUTE, Counts
from notilog.logs.tables import LogRecordRow

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_COUNT: Final = struct.Struct("!h")
_LENGTH: Final = struct.Struct("!i")
_TS: Final = struct.Struct("!q")
_LEVEL: Final = struct.Struct("!h")
_MESSAGE: Final = COLUMNS.index("message")
_JSONB_VERSION_LENGTH: Final = 1
_attrs: Final = msgspec.json.Decoder(dict[str, Any]).decode


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as it is in the store, with the id and the time that it got there."""

    ts: datetime
    id: UUID
    level: int
    project: str
    module: str
    message: str
    host: str | None = None
    service: str | None = None
    environment: str | None = None
    logger: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    request_id: str | None = None
    stack_trace: str | None = None
    attrs: dict[str, Any] | None = None


def record_of(row: LogRecordRow) -> StoredRecord:
    """The record of a row of the store's table."""
    fields = {name: getattr(row, name) for name in StoredRecord.__struct_fields__}
    return StoredRecord(**{**fields, "ts": row.ts.astimezone(UTC)})


def records_in(rows: bytes) -> list[StoredRecord]:
    """Every record of the rows, in their order.

    Raises:
        ValueError: the rows are damaged.
    """
    found = []
    try:
        for columns in _columns_of(rows):
            ts, key, level, *texts, attrs = columns
            values: list[Any] = [
                _instant(ts or b""),
                UUID(bytes=key),
                _LEVEL.unpack(level or b"")[0],
            ]
            values += [None if text is None else text.decode() for text in texts]
            values.append(None if attrs is None else _attrs(attrs[_JSONB_VERSION_LENGTH:]))
            found.append(StoredRecord(*values))
    except (struct.error, msgspec.DecodeError, OverflowError, TypeError) as error:
        raise ValueError(f"damaged rows: {error}") from error
    return found


def counts_in(rows: bytes) -> Counts:
    """How many records, and bytes of them, the rows have: by minute, level, project and module.

    Raises:
        ValueError: the rows are damaged.
    """
    counts: Counts = {}
    for columns in _columns_of(rows):
        ts, _, level, project, module = (column or b"" for column in columns[:5])
        key = (
            _TS.unpack(ts)[0] // COUNTED_MINUTE,
            _LEVEL.unpack(level)[0],
            project.decode(),
            module.decode(),
        )
        records, size = counts.get(key, (0, 0))
        large = (
            columns[_MESSAGE],
            *columns[-2:],
        )  # then stack trace and attributes
        counts[key] = (records + 1, size + sum(len(one or b"") for one in large) + BESIDES)
    return counts


def _columns_of(rows: bytes) -> list[list[bytes | None]]:
    found, place = [], 0
    while place < len(rows):
        (count,) = _COUNT.unpack_from(rows, place)
        place += _COUNT.size
        columns: list[bytes | None] = []
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(rows, place)
            place += _LENGTH.size
            columns.append(None if length < 0 else rows[place : place + length])
            place += max(length, 0)
        if count != len(COLUMNS) or place > len(rows):
            raise ValueError("damaged rows")
        found.append(columns)
    return found


def _instant(ts: bytes) -> datetime:
    return _EPOCH + timedelta(microseconds=_TS.unpack(ts)[0])
