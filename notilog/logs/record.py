"""One log record as programs send it: its fields, and reading them from JSON."""

import json
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

NAME_LENGTH: Final = 200
WORDS: Final = (
    *("host", "service", "environment", "logger"),
    *("trace_id", "span_id", "request_id"),
)
"""The short texts that a record may have besides what it must have."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)]
Word = Annotated[str, msgspec.Meta(max_length=NAME_LENGTH)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The fields of a record; what a program adds at the top level moves to ``attrs``."""

    level: str | int
    project: Name
    module: Name
    message: str
    id: UUID | None = None
    ts: Instant | None = None
    host: Word | None = None
    service: Word | None = None
    environment: Word | None = None
    logger: Word | None = None
    trace_id: Word | None = None
    span_id: Word | None = None
    request_id: Word | None = None
    stack_trace: str | None = None
    attrs: dict[str, Any] | None = None


class BadRecord(ValueError):
    """A record that cannot be stored; its text is the reason, fit for whoever sent it."""


class NoRoom(BadRecord):
    """A good record that is not taken, because of its level, while there is little room."""


class BadDocument(ValueError):
    """The whole body cannot be read as records; its text is the reason."""


_FIELDS: Final = frozenset(Record.__struct_fields__)
_ONE: Final = msgspec.json.Decoder(Record)
_MANY: Final = msgspec.json.Decoder(list[Record])
_PIECES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: Final = msgspec.json.Decoder(dict[str, Any])
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def records_of(body: bytes, *, by_line: bool) -> "list[Record] | list[bytes]":
    """All records at once, or, when any of them is unusual, the JSON of each by itself.

    Args:
        body: an object, an array, or (``by_line``) one object a line.
        by_line: newline-delimited JSON.

    Raises:
        BadDocument: not JSON at all.
    """
    try:
        if by_line:
            return _ONE.decode_lines(body)
        if _is_object(body):
            return [_ONE.decode(body)]
        return _MANY.decode(body)
    except _UNREADABLE:
        return _pieces(body, by_line=by_line)


def _is_object(body: bytes) -> bool:
    return body.lstrip(b" \t\r\n")[:1] == b"{"


def _pieces(body: bytes, *, by_line: bool) -> list[bytes]:
    if by_line:
        return [line for line in body.splitlines() if line.strip()]
    if _is_object(body):
        return [body]
    try:
        return [bytes(piece) for piece in _PIECES.decode(body)]
    except _UNREADABLE as error:
        return _lenient_pieces(body, error)


def _lenient_pieces(body: bytes, error: Exception) -> list[bytes]:
    """The records of an array in which one string is wrong, so that the others can be kept."""
    try:
        values = json.loads(body.decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        raise BadDocument(_reason(error)) from error
    if not isinstance(values, list):
        raise BadDocument("an object or an array of objects is expected")
    return [json.dumps(value).encode() for value in values]


def record_of(piece: bytes) -> Record:
    """One record from the JSON of one object, with its unknown fields in ``attrs``.

    Raises:
        BadRecord: the JSON is malformed, or a field is missing or wrong.
    """
    try:
        return _ONE.decode(piece)
    except msgspec.ValidationError:
        return _with_unknown_fields(piece)
    except _UNREADABLE as error:
        raise BadRecord(_reason(error)) from error


def _with_unknown_fields(piece: bytes) -> Record:
    try:
        fields = _ANY.decode(piece)
        unknown = {name: fields.pop(name) for name in fields.keys() - _FIELDS}
        attrs = fields.get("attrs") or {}
        if unknown and isinstance(attrs, dict):
            fields["attrs"] = unknown | attrs
        return msgspec.convert(fields, Record)
    except _UNREADABLE as error:
        raise BadRecord(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)
