"""Answers of queries on the screen or in a pipe: a table, CSV, or JSON lines."""

import csv
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
from rich.table import Table
from rich.text import Text

from notilog.logs.escapes import safe, safe_json
from notilog.logs.manual_sql import Answer
from notilog.ops.terminal import out

_json: Final = msgspec.json.Encoder(enc_hook=str).encode


def _print_table(answer: Answer) -> None:
    table = Table()
    for name in answer.columns:
        table.add_column(Text(safe(name)))
    for row in answer.rows:
        table.add_row(*(Text(safe(_text(value)), overflow="fold") for value in row))
    out.print(table)


def _print_csv(answer: Answer) -> None:
    """In a file the values are as they are; on a terminal they are made harmless."""
    clean: Callable[[str], str] = safe if sys.stdout.isatty() else str
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(clean, answer.columns))
    writer.writerows([clean(_text(value)) for value in row] for row in answer.rows)


def _print_json(answer: Answer) -> None:
    for row in answer.rows:
        sys.stdout.write(
            safe_json(_json(dict(zip(answer.columns, row, strict=True))).decode()) + "\n"
        )


PRINTERS: Final[dict[str, Callable[[Answer], None]]] = {
    "table": _print_table,
    "csv": _print_csv,
    "json": _print_json,
}


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case dict() | list():
            return _json(value).decode()
        case bytes():
            return value.hex()
    return str(value)
