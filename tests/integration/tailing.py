"""`notilog tail`, as a program of its own or within this one, and what it has written so far."""

import asyncio
import io
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from notilog import config
from notilog.logs.filters import Filters
from notilog.logs.matching import Pattern
from notilog.ops.tail import Wanted, follow
from tests.integration.waiting import until
from tests.servers.command import NOTILOG
from tests.servers.process import end


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in the file that a tail writes to, and what it has told beside."""

    out: Path
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    notices: io.StringIO = field(default_factory=io.StringIO)

    def lines(self) -> list[str]:
        """The whole lines."""
        return self.out.read_text().split("\n")[:-1]

    def records(self) -> list[dict[str, Any]]:
        """The same, of ``--json``."""
        return [json.loads(line) for line in self.lines()]

    def messages(self) -> list[str]:
        return [record["message"] for record in self.records()]

    async def wait_for(self, *messages: str) -> None:
        """Until these are what was shown, in this order."""

        async def shown() -> bool:
            return self.messages() == list(messages)

        await until(shown)

    async def wait_for_lines(self, count: int) -> None:
        async def shown() -> bool:
            return len(self.lines()) >= count

        await until(shown)

    async def wait_for_notice(self, text: str) -> None:
        async def told() -> bool:
            return text in self.notices.getvalue()

        await until(told)


@asynccontextmanager
async def tailing(
    out: Path,
    *,
    filters: Filters | None = None,
    pattern: str | None = None,
    last: int = 10_000,
    as_json: bool = True,
) -> AsyncIterator[Shown]:
    """A tail within this process, whose database is open."""
    shown = Shown(out)
    wanted = Wanted(
        filters or Filters(),
        Pattern(pattern) if pattern else None,
        last=last,
        as_json=as_json,
        no_color=False,
    )
    notices = Console(file=shown.notices)
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT)
    running = asyncio.create_task(
        follow(config.current(), wanted, output=descriptor, notices=notices)
    )
    running.add_done_callback(lambda _: shown.ended.set())
    try:
        yield shown
    finally:
        running.cancel()
        try:
            with suppress(asyncio.CancelledError):
                await running
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Tail:
    """The program itself."""

    process: "subprocess.Popen[bytes]"
    shown: Shown
    err: Path

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[Tail]:
    """`notilog tail` with these options, configured by the environment."""
    out, err = folder / "tail.out", folder / "tail.err"
    with out.open("wb") as to, err.open("wb") as errors, _interruptible():
        process = subprocess.Popen(
            (NOTILOG, "tail", *arguments),
            cwd=folder,
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=to,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield Tail(process, Shown(out), err)
    finally:
        end(process)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Programs started in the block heed Ctrl-C, even when whoever runs the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
