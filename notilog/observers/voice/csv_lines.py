"""Lines of CSV (RFC 4180) that no spreadsheet takes for formulas. Pure."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import StringIO
from typing import Final

FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a text begins that a spreadsheet would compute."""

Cell = str | int | bool | datetime | None


def lines(rows: Iterable[Sequence[Cell]]) -> str:
    """The rows as text; instants as RFC 3339, nothing for None."""
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(
        [_shown(cell) for cell in row] for row in rows
    )
    return text.getvalue()


def _shown(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).lower()
        case datetime():
            return cell.isoformat()
        case str() if cell.startswith(FORMULAS):
            return f"'{cell}"
        case _:
            return str(cell)
