"""The connector that shows records on the worker's standard output."""

import asyncio
import os
import sys
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Final

import structlog
from rich.console import Console

from notilog import config
from notilog.logs.connectors.connector import Handed, Kind
from notilog.logs.console import Formatter, color_system
from notilog.logs.limits import MIB
from notilog.logs.looks import ConsoleSettings

log = structlog.get_logger(__name__)

WAITING: Final = 16 * MIB
"""Bytes of rows that wait for a slow terminal before what comes is not shown."""
PATIENCE: Final = 1.0
STDOUT: Final = 1


class OnConsole:
    """Prints from a thread of its own, so that a terminal that stands still stops nobody."""

    def __init__(self, output: int = STDOUT) -> None:
        self._output = output
        console = Console(file=sys.__stdout__)
        self._encoding = console.encoding
        settings = config.section(ConsoleSettings)
        self._formatter = Formatter(settings, colors=color_system(console))
        self._groups: SimpleQueue[Sequence[Handed] | None] = SimpleQueue()
        self._waiting = 0
        self._counting = Lock()
        self._left_out = 0
        self._thread = Thread(target=self._run, name="log-console", daemon=True)
        self._thread.start()

    async def take(self, batches: Sequence[Handed]) -> None:
        """Leave the batches to the thread; what finds no room is counted instead."""
        if self._waiting >= WAITING:
            self._left_out += len(batches)
            return
        self._count(_size(batches))
        self._groups.put(batches)

    async def close(self) -> None:
        """Print what waits, for as long as somebody reads it."""
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join, PATIENCE)

    def _run(self) -> None:
        lost = False
        while (batches := self._groups.get()) is not None:
            try:
                self._write(self._text(batches))
                lost = False
            except Exception as error:  # noqa: BLE001  nobody else would hear of it
                if not lost:
                    log.warning("records_not_shown", reason=f"{type(error).__name__}: {error}")
                lost = True
            self._count(-_size(batches))

    def _count(self, size: int) -> None:
        with self._counting:
            self._waiting += size

    def _text(self, batches: Sequence[Handed]) -> bytes:
        lines = [self._formatter.text(record) for batch in batches for record in batch.records]
        if self._left_out and self._groups.empty():  # they came behind all that waited
            left_out, self._left_out = self._left_out, 0
            lines.append(f"({left_out} batches of records were not shown: standard output is slow)")
        return "\n".join((*lines, "")).encode(self._encoding, "backslashreplace")

    def _write(self, text: bytes) -> None:
        """Past Python's buffer, which would keep the lines when the worker is killed."""
        while text:
            text = text[os.write(self._output, text) :]


def _size(batches: Sequence[Handed]) -> int:
    return sum(len(batch.rows) for batch in batches)


KIND: Final = Kind("Standard output of the worker", ConsoleSettings, OnConsole)
