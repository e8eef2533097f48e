"""What a format of log files is: how it is recognised, and how its lines become records. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the lines of a file do not say themselves."""

    project: str
    at: datetime
    """When the file was written last: dates without a year lie in the twelve months before it."""
    module: str | None = None
    """Replaces the component that a line names, which becomes the record's ``logger``."""
    host: str | None = None
    zone: tzinfo = UTC
    """Of times that name none."""
    year: int | None = None
    """Of the first line, when dates have none; it grows when the months begin anew."""
    longest: int = 64 * 1024
    """Bytes of a message to which further lines are still appended."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record: its first line, counted from 1, how many lines it has, and its fields.

    The fields are those of `notilog.logs.record.Record`; there is no ``ts`` when neither the line
    nor one before it names a time.
    """

    number: int
    lines: int
    fields: dict[str, Any]


class Format(Protocol):
    """Every line given to `parse` ends up in an entry, except blank ones before the first."""

    @property
    def label(self) -> str:
        """What a person calls it."""

    def recognises(self, lines: Sequence[str]) -> float:
        """The share, 0 to 1, of the lines that look like this format."""

    def parse(self, lines: Iterable[str], *, defaults: Defaults) -> Iterator[Entry]:
        """The records of a whole file, as its lines arrive."""
