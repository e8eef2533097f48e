"""What the commands on log files do: load each with a bar, and show what came of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from notilog import clock, config
from notilog.config import Settings
from notilog.errors import Invalid
from notilog.logs import archives
from notilog.logs.escapes import safe
from notilog.logs.filters import Filters
from notilog.logs.limits import LogsSettings
from notilog.logs.loading import NOTHING, Loaded, Piece, load
from notilog.logs.text_files import TextFile, opened
from notilog.ops.database import database
from notilog.ops.progress import Bar, progress

_REASONS: Final = 10

Reader = Callable[[TextFile], tuple[str, Iterator[Piece]]]
"""The name of a file's format, and its records.

Raises:
    Invalid: they cannot be read.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one file; ``error`` is why not all of it was read."""

    name: str
    format: str = ""
    loaded: Loaded = NOTHING
    error: str | None = None


async def load_files(settings: Settings, names: Sequence[str], *, reader: Reader) -> list[Report]:
    """Load the files one after the other; one that cannot be read does not stop the others."""
    async with database(settings):
        with progress() as shown:
            return [await _load_file(name, reader, shown) for name in names]


async def _load_file(name: str, reader: Reader, shown: Progress) -> Report:
    total = NOTHING
    try:
        with opened(name) as file:
            bar = Bar(shown, name, total=file.size)
            format_name, pieces = reader(file)
            async for loaded in load(pieces, now=clock.now()):
                total = total.plus(loaded, reasons=_REASONS)
                bar.show(position=file.position, records=total.records)
            damage = file.damage and f"{name}: only read in part: {file.damage}"
            return Report(name, format_name, total, damage)
    except Invalid as error:
        return Report(name, error=str(error))


def longest_line() -> int:
    """Bytes of a line of which no more is read: the record would be refused."""
    limits = config.section(LogsSettings)
    return max(limits.batch_bytes, limits.message_bytes)


def table(reports: Sequence[Report]) -> Group:
    """The files that were read, and the first lines that were refused."""
    made = Table("file", "format")
    for heading in ("stored", "repeated", "rejected"):
        made.add_column(heading, justify="right")
    for report in reports:
        loaded = report.loaded
        counts = (loaded.stored, loaded.repeated, loaded.rejected)
        words = (safe(report.name), report.format, *(f"{count:,}" for count in counts))
        made.add_row(*map(Text, words))
    reasons = [
        Text(safe(f"{report.name}:{line}: {reason}"), style="yellow")
        for report in reports
        for line, reason in report.loaded.reasons
    ]
    return Group(made, *reasons)


async def export(settings: Settings, filters: Filters, *, to: str) -> int:
    """Write what the filters find to an archive; returns how many records.

    Raises:
        Invalid: a level is not understood, or the archive cannot be written.
    """
    records = size = 0
    async with database(settings):
        with progress() as shown, archives.written(to) as archive:
            bar = Bar(shown, to, total=None)
            async for count, lines in archives.lines(filters):
                archive.write(lines)
                records, size = records + count, size + len(lines)
                bar.show(position=size, records=records)
    return records
