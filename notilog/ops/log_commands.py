"""The commands `notilog logs`: log files in, archives out and in again, and SQL by hand."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from notilog import clock
from notilog.errors import FieldError, Invalid
from notilog.logs import archives, importing, manual_sql
from notilog.logs.filters import Filters
from notilog.logs.formats import FORMATS
from notilog.logs.formats.format import Defaults
from notilog.logs.loading import Piece
from notilog.logs.manual_sql import Answer
from notilog.logs.text_files import TextFile
from notilog.ops import log_files
from notilog.ops.answers import PRINTERS
from notilog.ops.database import database
from notilog.ops.log_files import Reader
from notilog.ops.terminal import STATE, StateDir, err, loaded, out, refusals
from notilog.zones import zone_named

logs = typer.Typer(help="Log files, archives and SQL.", no_args_is_help=True)

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Plain, .gz or .zst; - is standard input.")
]
_ARCHIVE: Final = "archive"


@logs.command(name="import")
def import_files(
    files: Files,
    *,
    project: Annotated[str, typer.Option(help="Of records that name none.")],
    format_name: Annotated[
        str, typer.Option("--format", help=f"{importing.AUTO}, {', '.join(FORMATS)}.")
    ] = importing.AUTO,
    module: Annotated[
        str | None, typer.Option(help="Instead of the component, which becomes the logger.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Of lines that name none.")] = None,
    zone: Annotated[str, typer.Option(help="Of times that name none.")] = "UTC",
    year: Annotated[
        int | None, typer.Option(min=1, max=9999, help="Of the first line, if dates have none.")
    ] = None,
    state_dir: StateDir = STATE,
) -> None:
    """Store log files of other programs; the same again is stored once."""
    with refusals():
        defaults = Defaults(
            project, clock.now(), module=module, host=host, zone=_zone(zone), year=year
        )
        reader = _log_reader(importing.named_format(format_name), defaults)
        _load(files, reader, state_dir=state_dir)


@logs.command()
def restore(files: Files, state_dir: StateDir = STATE) -> None:
    """Store what `export` wrote, with the same ids and times; what is there already is left."""
    with refusals():
        _load(files, _archive_reader, state_dir=state_dir)


@logs.command()
def export(  # noqa: PLR0913  an option for each filter
    *,
    to_file: Annotated[
        str, typer.Option("--to-file", "-o", help="NDJSON; .zst or .gz compress it; - is stdout.")
    ],
    project: str | None = None,
    module: str | None = None,
    level: str | None = None,
    min_level: str | None = None,
    since: Annotated[str | None, typer.Option("--from", help="The first instant.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The first instant after.")] = None,
    words: Annotated[str | None, typer.Option("--q", help="Words of the message.")] = None,
    attr: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; repeatable.")] = None,
    state_dir: StateDir = STATE,
) -> None:
    """Write records to an archive, the oldest first."""
    with refusals():
        filters = Filters(
            project=project,
            module=module,
            level=level,
            min_level=min_level,
            since=_instant("from", since),
            until=_instant("to", until),
            words=words,
            attrs=dict(map(_attribute, attr or ())),
        )
        records = asyncio.run(log_files.export(loaded(state_dir), filters, to=to_file))
        err.print(f"{records:,} records", highlight=False)


@logs.command()
def sql(
    statement: str,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Rows at most.")] = 1000,
    timeout: Annotated[float, typer.Option(min=0.001, max=3600, help="Seconds.")] = 30.0,
    form: Annotated[str, typer.Option("--format", help=f"{', '.join(PRINTERS)}.")] = "table",
    state_dir: StateDir = STATE,
) -> None:
    """Run one query that cannot write."""
    with refusals():
        if form not in PRINTERS:
            raise Invalid.field("format", f"{form!r} is none of {', '.join(PRINTERS)}")
        answer = asyncio.run(_ask(state_dir, statement, limit=limit, seconds=timeout))
        PRINTERS[form](answer)
        if answer.cut:
            err.print(f"cut after {limit} rows; --limit allows more", highlight=False)


def _load(files: list[str], reader: Reader, *, state_dir: Path) -> None:
    """Load and report.

    Raises:
        Exit: a file could not be read, or only in part.
    """
    reports = asyncio.run(log_files.load_files(loaded(state_dir), files, reader=reader))
    if read := [report for report in reports if report.format]:
        out.print(log_files.table(read))
    if errors := [report.error for report in reports if report.error]:
        raise Invalid([FieldError("file", error) for error in errors])


def _log_reader(name: str, defaults: Defaults) -> Reader:
    def read(file: TextFile) -> tuple[str, Iterator[Piece]]:
        at = (file.modified or defaults.at).replace(microsecond=0)
        longest = log_files.longest_line()
        return importing.read(file, name, defaults=replace(defaults, at=at), longest=longest)

    return read


def _archive_reader(file: TextFile) -> tuple[str, Iterator[Piece]]:
    return _ARCHIVE, archives.pieces(file, longest=log_files.longest_line())


async def _ask(state_dir: Path, statement: str, *, limit: int, seconds: float) -> Answer:
    async with database(loaded(state_dir)):
        return await manual_sql.ask(statement, limit=limit, seconds=seconds)


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_named(name)
    except ValueError as error:
        raise Invalid.field("zone", str(error)) from error


def _instant(option: str, given: str | None) -> datetime | None:
    """An instant; without an offset it is one in UTC."""
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid.field(option, "is not a time such as 2026-11-20T10:00:00Z") from error


def _attribute(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise Invalid.field("attr", f"{given!r} is not NAME=VALUE")
    return name, value
