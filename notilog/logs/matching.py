"""Whether a record that has just arrived is one that a search would find. Pure."""

import json
from decimal import Decimal
from typing import Any, Final

import re2

from notilog.errors import Invalid
from notilog.logs import levels
from notilog.logs.search import Filters
from notilog.logs.stored import StoredRecord

LONGEST_PATTERN: Final = 1000


class Pattern:
    """A regular expression of RE2, whose search takes time in proportion to the text alone.

    Raises:
        Invalid: it is none.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_PATTERN:
            raise Invalid.field("grep", f"longer than {LONGEST_PATTERN} characters")
        options = re2.Options()
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(text, options)
        except (re2.error, UnicodeEncodeError) as error:
            raise Invalid.field("grep", f"not a regular expression: {_cause(error)}") from error

    def found_in(self, text: str) -> bool:
        return self._compiled.search(text) is not None


def check(filters: Filters) -> None:
    """Refuse filters that `matches` cannot judge.

    Raises:
        Invalid: a level is unknown; or words are asked for, which only the database can judge.
    """
    if filters.words:
        raise Invalid.field("q", "only stored records are searched for words")
    for field in ("level", "min_level"):
        level = getattr(filters, field)
        if level is not None:
            _number(field, level)


def matches(filters: Filters, record: StoredRecord) -> bool:
    """Whether `notilog.logs.search` would find the record with these filters, which are checked."""
    return (
        _is(filters.project, record.project)
        and _is(filters.module, record.module)
        and _has_level(filters, record.level)
        and _is_within(filters, record)
        and all(_text(record.attrs, name) == value for name, value in filters.attrs.items())
    )


def _is(wanted: str | None, value: str) -> bool:
    return wanted is None or wanted == value


def _has_level(filters: Filters, level: int) -> bool:
    if filters.level is not None and level != _number("level", filters.level):
        return False
    return filters.min_level is None or level >= _number("min_level", filters.min_level)


def _number(field: str, level: str) -> int:
    try:
        return levels.number_of(level)
    except ValueError as error:
        raise Invalid.field(field, str(error)) from error


def _is_within(filters: Filters, record: StoredRecord) -> bool:
    if filters.since is not None and record.ts < filters.since:
        return False
    return filters.until is None or record.ts < filters.until


def _text(attrs: dict[str, Any] | None, name: str) -> str | None:
    """An attribute as PostgreSQL's ``->>`` gives it."""
    value = (attrs or {}).get(name)
    return value if value is None or isinstance(value, str) else _jsonb(value)


def _jsonb(value: object) -> str:
    """A value as PostgreSQL writes it, which keeps keys by length and no exponents."""
    match value:
        case float():
            return format(Decimal(repr(value + 0.0)), "f")  # which has no negative zero
        case list():
            return f"[{', '.join(map(_jsonb, value))}]"
        case dict():
            ordered = sorted(value.items(), key=lambda item: _place(item[0]))
            return f"{{{', '.join(f'{_jsonb(key)}: {_jsonb(inner)}' for key, inner in ordered)}}}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _place(key: str) -> tuple[int, bytes]:
    encoded = key.encode()
    return len(encoded), encoded


def _cause(error: Exception) -> str:
    cause = error.args[0] if error.args else error
    return cause.decode(errors="replace") if isinstance(cause, bytes) else str(cause)
