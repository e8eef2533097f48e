"""Whether a record that has just arrived is one that a search would find. Pure."""

from typing import Any, Final

import re2

from notilog.errors import Invalid
from notilog.logs import levels
from notilog.logs.filters import Filters, meanings
from notilog.logs.record import WORDS
from notilog.logs.stored import StoredRecord

LONGEST_PATTERN: Final = 1000


_NUMBERS: Final = (int, float)
_ALIKE: Final[dict[type, tuple[type, ...]]] = {
    str: (str,),
    bool: (bool,),
    int: _NUMBERS,
    float: _NUMBERS,
}


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
        and all(_is(getattr(filters, name), getattr(record, name)) for name in WORDS)
        and all(_has_attribute(record.attrs, *wanted) for wanted in filters.attrs.items())
    )


def _is(wanted: str | None, value: str | None) -> bool:
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


def _has_attribute(attrs: dict[str, Any] | None, name: str, wanted: str) -> bool:
    value = (attrs or {}).get(name)
    return any(type(value) in _ALIKE[type(one)] and value == one for one in meanings(wanted))


def _cause(error: Exception) -> str:
    cause = error.args[0] if error.args else error
    return cause.decode(errors="replace") if isinstance(cause, bytes) else str(cause)
