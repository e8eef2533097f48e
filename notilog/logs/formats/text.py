"""Formats of text lines: one pattern says what begins a record, the rest is the same for all. Pure.

A line that begins no record belongs to the one before it when it looks like a part of a stack
trace; else it is a record by itself, of level "info" and with the time of the one before it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from notilog.logs.formats.format import Defaults, Entry

Fields = dict[str, Any]
Reader = Callable[["re.Match[str]"], Fields]

MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
MONTH: Final = "|".join(MONTHS)

_CONTINUES: Final = re.compile(
    r"\s|$|Caused by: |Traceback \(most recent call last\)|[\w.$]+(?:Error|Exception|Throwable)\b"
)
_INHERITED: Final = ("ts", "level", "project", "module", "logger", "host", "service")


@dataclass(frozen=True, slots=True)
class TextFormat:
    """A format whose records begin with a line of a certain pattern.

    ``reader`` makes, for one file, the function from a match to the fields of a record. It raises
    ValueError or OverflowError for what only looks like a time.
    """

    label: str
    module: str
    """The module of records that name none."""
    begins: re.Pattern[str]
    reader: Callable[[Defaults], Reader]

    def recognises(self, lines: Sequence[str]) -> float:
        told = [line for line in lines if not _CONTINUES.match(line)]
        return sum(bool(self.begins.match(line)) for line in told) / len(told) if told else 0.0

    def parse(self, lines: Iterable[str], *, defaults: Defaults) -> Iterator[Entry]:
        reader = self.reader(defaults)
        growing: _Growing | None = None
        for number, line in enumerate(lines, 1):
            fields = self._fields(line, reader)
            if fields is not None:
                begun = _Growing(number, line, _complete(fields, defaults, self.module))
            elif growing is None or not _CONTINUES.match(line):
                if growing is None and not line.strip():
                    continue
                begun = _Growing(number, line, self._stray(line, growing, defaults))
            elif growing.takes(line, longest=defaults.longest):
                continue
            else:
                begun = _Growing(number, line, growing.inherited(line))
            if growing is not None:
                yield growing.entry()
            growing = begun
        if growing is not None:
            yield growing.entry()

    def _fields(self, line: str, reader: Reader) -> Fields | None:
        found = self.begins.match(line)
        if found is None:
            return None
        try:
            return reader(found)
        except (ValueError, OverflowError):
            return None

    def _stray(self, line: str, before: "_Growing | None", defaults: Defaults) -> Fields:
        fields = _complete({"message": line}, defaults, self.module)
        if before is not None and "ts" in before.fields:
            fields["ts"] = before.fields["ts"]
        return fields


class _Growing:
    """A record whose last line may not have come yet."""

    def __init__(self, number: int, line: str, fields: Fields) -> None:
        self.fields = fields
        self._number = number
        self._lines = 1
        self._more: list[str] = []
        self._size = len(line.encode())

    def takes(self, line: str, *, longest: int) -> bool:
        """Append a line, unless the message would be too long."""
        size = self._size + 1 + len(line.encode())
        if size > longest:
            return False
        self._size = size
        self._lines += 1
        self._more.append(line)
        return True

    def inherited(self, message: str) -> Fields:
        """The fields of another record that goes on where this one has to end."""
        kept: Fields = {name: self.fields[name] for name in _INHERITED if name in self.fields}
        return {**kept, "message": message}

    def entry(self) -> Entry:
        if self._more:
            self.fields["message"] = "\n".join((self.fields["message"], *self._more)).rstrip("\n")
        return Entry(self._number, self._lines, self.fields)


def _complete(fields: Fields, defaults: Defaults, module: str) -> Fields:
    fields.setdefault("level", "info")
    fields["project"] = defaults.project
    if defaults.module is None:
        fields.setdefault("module", module)
    else:
        if "module" in fields:
            fields["logger"] = fields["module"]
        fields["module"] = defaults.module
    if defaults.host is not None:
        fields.setdefault("host", defaults.host)
    return fields


def in_utc(moment: datetime, defaults: Defaults) -> datetime:
    """The instant; a time without a zone is one of the file's zone.

    Raises:
        OverflowError: it has no year from 1 to 9999 in UTC.
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=defaults.zone)
    return aware.astimezone(UTC)


def given(**values: str | int | None) -> dict[str, str | int]:
    """Those of the attributes that there are."""
    return {name: value for name, value in values.items() if value is not None}


def number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)
