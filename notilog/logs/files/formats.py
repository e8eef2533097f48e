r"""Formats of lines: JSON, tab-separated, or as a template says. One record is always one line.

Whatever could end a line, divide its columns or command a terminal is written as an escape: in
JSON as JSON has it, else ``\n``, ``\t``, ``\r``, ``\\``, ``\x1b``, ``\u2028``.
"""

import re
import string
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from notilog.logs import levels
from notilog.logs.escapes import safe, unmistakable
from notilog.logs.stored import StoredRecord

Renderer = Callable[[StoredRecord], bytes]
"""A record as a line in UTF-8, with its end."""

COLUMNS: Final = (
    *("ts", "level", "project", "module", "message"),
    *("host", "service", "environment", "logger"),
    *("trace_id", "span_id", "request_id", "stack_trace", "attrs", "id"),
)
"""The columns of ``tab``; the fields of a template."""

_WIDEST: Final = 1_000
_SPEC: Final = re.compile(r"(?:.?[<>^])?(\d{0,4})(?:\.(\d{1,4}))?")
_UNSAFE_IN_JSON: Final = re.compile(
    rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
)
_json = msgspec.json.Encoder().encode


_Line: Final = msgspec.defstruct(
    "_Line",
    [
        (one.name, str if one.name == "level" else one.type, msgspec.field(default=one.default))
        for one in msgspec.structs.fields(StoredRecord)
    ],
    omit_defaults=True,
    gc=False,
)
"""A `StoredRecord` as JSON has it: its level by name, and what it has not is left out."""


class _Piece(NamedTuple):
    literal: str
    field: str | None
    spec: str


def renderer(spec: str) -> Renderer:
    """What makes lines of a format.

    Args:
        spec: ``json``, ``tab``, or a line with fields in braces: ``{level:8} {message}``.

    Raises:
        ValueError: it is none of these.
    """
    return FORMATS[spec] if spec in FORMATS else _template(spec)


class Formats:
    """Which format a record is written in.

    Args:
        usual: the format of records that no other is set for.
        others: formats by module, or by project and module with ``/`` between, which is stronger.

    Raises:
        ValueError: one of them is no format.
    """

    def __init__(self, usual: str, others: dict[str, str]) -> None:
        self._usual = renderer(usual)
        self._others = {name: renderer(spec) for name, spec in others.items()}

    def line(self, record: StoredRecord) -> bytes:
        if not self._others:
            return self._usual(record)
        of_both = self._others.get(f"{record.project}/{record.module}")
        return (of_both or self._others.get(record.module) or self._usual)(record)


def _as_json(record: StoredRecord) -> bytes:
    moment, key, level, *others = astuple(record)
    line = _Line(moment, key, levels.NAMES.get(level, str(level)), *others)
    return _UNSAFE_IN_JSON.sub(_escape_in_json, _json(line)) + b"\n"


def _as_tabs(record: StoredRecord) -> bytes:
    return ("\t".join(_text(record, name) for name in COLUMNS) + "\n").encode()


def _template(spec: str) -> Renderer:
    pieces = _pieces(spec)

    def render(record: StoredRecord) -> bytes:
        parts = []
        for literal, field, form in pieces:
            parts.append(literal)
            if field is not None:
                parts.append(format(_text(record, field), form))
        return ("".join(parts) + "\n").encode()

    return render


def _pieces(spec: str) -> list[_Piece]:
    try:
        found = list(string.Formatter().parse(spec))
    except ValueError as error:
        raise ValueError(f"is not a format of lines: {error}") from error
    for literal, field, form, conversion in found:
        if safe(literal) != literal or "\\" in literal:
            raise ValueError("a format may have no backslash and nothing that is not printed")
        if field is not None and (field not in COLUMNS or conversion):
            raise ValueError(f"{{{field}}} is no field; there are {', '.join(COLUMNS)}")
        if field is not None and not _is_form(form or ""):
            raise ValueError(f"{{{field}:{form}}} may have a width, as in :8, :>8 and :.20")
    if not any(field for _, field, _, _ in found):
        raise ValueError("must be json, tab, or a line with fields in braces")
    return [_Piece(literal, field, form or "") for literal, field, form, _ in found]


def _is_form(form: str) -> bool:
    match = _SPEC.fullmatch(form)
    return (
        match is not None
        and safe(form) == form
        and all(int(width or 0) <= _WIDEST for width in match.groups())
    )


def _text(record: StoredRecord, field: str) -> str:
    value = getattr(record, field)
    if value is None:
        return ""
    match field:
        case "ts":
            moment: str = value.isoformat(timespec="microseconds")
            return moment.replace("+00:00", "Z")
        case "level":
            return levels.NAMES.get(value, str(value))
        case "attrs":
            return unmistakable(_json(value).decode())
        case _:
            return unmistakable(str(value))


def _escape_in_json(match: re.Match[bytes]) -> bytes:
    return f"\\u{ord(match[0].decode()):04x}".encode()


FORMATS: Final[dict[str, Renderer]] = {"json": _as_json, "tab": _as_tabs}
