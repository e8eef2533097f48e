"""`make bench`: every measurement beside its limit or peer, in one table."""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import (
    free_time,
    log_intake,
    log_queue,
    log_search,
    observers,
    reminders,
    repetitions,
    sockets,
    take_over,
)
from bench.row import Row

BENCHES: dict[str, Callable[[], list[Row]]] = {
    "log_intake": log_intake.run,
    "log_queue": log_queue.run,
    "log_search": log_search.run,
    "reminders": reminders.run,
    "observers": observers.run,
    "take_over": take_over.run,
    "sockets": sockets.run,
    "repetitions": repetitions.run,
    "free_time": free_time.run,
}

HEAD = """\
# Benchmarks

Made by `make bench ARGS="--write docs/benchmarks.md"`, which measures ours and its limit or peer in
the same run on the same machine. The ratios are what counts; absolute figures are those of this
machine.

"""


TITLES = [
    "| what | ours | against | peer | ratio | to reach | met |",
    "|---|--:|---|--:|--:|---|---|",
]


def main() -> int:
    """Measure what the command line names; the exit code is 0 when every target was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="bench", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--write", type=Path, help="write the table as Markdown to this file")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHES]
    if unknown:
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    console, rows, failed = Console(), list[Row](), list[str]()
    for name in arguments.names or BENCHES:
        try:
            rows += _measured(name)
        except Exception:  # noqa: BLE001  what was measured before is not lost by it
            console.print_exception()
            failed.append(name)
    console.print(as_table(rows))
    if failed:
        console.print(f"failed: {', '.join(failed)}", style="bold red")
    elif arguments.write:
        arguments.write.write_text(as_markdown(rows, kept=_not_measured(arguments.write, rows)))
    return 0 if all(row.met for row in rows) and not failed else 1


def _measured(name: str) -> list[Row]:
    """The rows of a bench, whose settings are not left for the next one."""
    before = dict(os.environ)
    try:
        return BENCHES[name]()
    finally:
        os.environ.clear()
        os.environ.update(before)
        sys.modules.pop("celeryconfig", None)  # made of the settings when it was imported


def as_table(rows: list[Row]) -> Table:
    table = Table(title="NotiLog against limits and peers")
    for column in ("what", "ours", "against", "peer", "ratio", "to reach", "met"):
        table.add_column(column, overflow="fold")
    for row in rows:
        *cells, met = _cells(row)
        table.add_row(*cells, Text(met, style="green" if row.met else "bold red"))
    return table


def as_markdown(rows: list[Row], *, kept: list[str]) -> str:
    lines = [*TITLES, *(_line(row) for row in rows), *kept]
    return HEAD + _machine() + "\n\n" + "\n".join(lines) + "\n"


def _not_measured(path: Path, rows: list[Row]) -> list[str]:
    """The lines of an earlier table about what was not measured this time."""
    if not path.is_file():
        return []
    lines = [line for line in path.read_text().splitlines() if line.startswith("| ")]
    now = {_line(row).split(" | ")[0] for row in rows}
    return [line for line in lines if line not in TITLES and line.split(" | ")[0] not in now]


def _line(row: Row) -> str:
    return "| " + " | ".join(_cells(row)) + " |"


def _cells(row: Row) -> list[str]:
    peer = _number(row.peer, row.unit) if row.peer_name else "–"
    ratio = f"{row.ratio:.2f}" if row.peer_name else "–"
    ours = _number(row.ours, row.unit)
    return [
        row.what,
        ours,
        row.peer_name or "–",
        peer,
        ratio,
        row.target,
        "yes" if row.met else "no",
    ]


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def _machine() -> str:
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {python}."


if __name__ == "__main__":
    sys.exit(main())
