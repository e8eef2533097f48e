"""Bars of progress on stderr, unless nobody looks at it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

from notilog.logs.escapes import safe
from notilog.ops.terminal import err


class Bar:
    """One line: a name, bytes, records and their rate."""

    def __init__(self, progress: Progress, name: str, *, total: int | None) -> None:
        self._progress = progress
        self._began = time.monotonic()
        self._task = progress.add_task(safe(name), total=total, records=0, rate=0.0)

    def show(self, *, position: int, records: int) -> None:
        """How far it is: bytes, and records, since the beginning."""
        seconds = max(time.monotonic() - self._began, 1e-3)
        self._progress.update(
            self._task, completed=position, records=records, rate=records / seconds
        )


@contextmanager
def progress() -> Iterator[Progress]:
    """Where bars are shown, one below the other."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[records]:,} records, {task.fields[rate]:,.0f}/s", markup=False),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as made:
        yield made
