"""Children that run until told to stop: labelled output, restarts with back-off, certain ends."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import psutil
from rich.color import ANSI_COLOR_NAMES, Color
from rich.style import Style

from notilog import orphans
from notilog.ops.embedded import as_account

FIRST_PAUSE = 0.3
STEADY = 20.0
"""Seconds a child must have run for its next crash to count as the first."""
LAST_WORDS = 0.3
"""Seconds for the output of a child ended by force; what escaped its group may hold the pipe."""
CHUNK = 1 << 16
LONGEST_LINE = 1 << 20
LABEL_WIDTH = 16


@dataclass(frozen=True, slots=True)
class Child:
    """A program to keep running.

    Attributes:
        longest_pause: most seconds between a crash and the next start.
        stop_signal: asks the program to end in order.
        orphan_signal: what the kernel sends when this process dies without stopping it.
    """

    name: str
    command: tuple[str, ...]
    colour: str
    environment: Mapping[str, str]
    user: str | None = None
    longest_pause: float = 30.0
    stop_signal: int = signal.SIGTERM
    orphan_signal: int = signal.SIGKILL


@dataclass(slots=True)
class Supervisor:
    """Runs children, each in a process group of its own, and writes their output with labels."""

    write: Callable[[bytes], None]
    coloured: bool
    _keepers: dict[str, "_Keeper"] = field(default_factory=dict)

    def start(self, child: Child) -> None:
        """Run ``child``, and again whenever it ends, until it is stopped."""
        keeper = _Keeper(child, self.write, self._label(child))
        self._keepers[child.name] = keeper
        keeper.begin()

    async def stop(self, *names: str, by: float) -> None:
        """End these children together: politely, at ``by`` (of `time.monotonic`) by force."""
        keepers = [self._keepers.pop(name) for name in names if name in self._keepers]
        await asyncio.gather(*(keeper.stop(by) for keeper in keepers))

    def kill(self) -> None:
        """End every child at once; `stop` still has to be awaited."""
        for keeper in self._keepers.values():
            keeper.kill()

    def _label(self, child: Child) -> bytes:
        name = f"{child.name:<{LABEL_WIDTH}} | "
        if self.coloured and child.colour in ANSI_COLOR_NAMES:
            name = Style(color=Color.parse(child.colour)).render(name)
        return name.encode()


@dataclass(slots=True)
class _Keeper:
    """One child, kept running."""

    child: Child
    write: Callable[[bytes], None]
    label: bytes
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    task: "asyncio.Task[None] | None" = None

    def begin(self) -> None:
        self.task = asyncio.create_task(self._keep(), name=self.child.name)

    async def stop(self, by: float) -> None:
        self.stopping.set()
        if self.task is None:
            return
        self._signal(self.child.stop_signal)
        _, running = await asyncio.wait({self.task}, timeout=max(0.0, by - time.monotonic()))
        if running:
            self._say("does not end by itself; ending it by force")
            self.kill()
            await asyncio.wait({self.task}, timeout=LAST_WORDS)
        self.task.cancel()

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self.stopping.is_set():
            started = time.monotonic()
            ending = await self._run()
            if self.stopping.is_set():
                return
            pause = FIRST_PAUSE if time.monotonic() - started > STEADY else pause
            self._say(f"{ending}; starting it again in {pause:.1f} s")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.stopping.wait()
            pause = min(pause * 2, self.child.longest_pause)

    async def _run(self) -> str:
        """Run the child once; returns how it ended."""
        try:
            self.process = await _spawned(self.child)
        except OSError as error:
            return f"cannot start: {error}"
        if self.stopping.is_set():  # asked to stop while it was being started
            self._signal(self.child.stop_signal)
        output = asyncio.create_task(self._pass_on(self.process.stdout))
        code = await self.process.wait()
        self._end_leftovers(self.process.pid)
        await output
        self.process = None
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    @staticmethod
    def _end_leftovers(group: int) -> None:
        """End what the child left behind in its group.

        While a group has members its number is not given to a new process; where there is one
        with that number, the group was empty and the number is somebody else's by now.
        """
        if not psutil.pid_exists(group):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    async def _pass_on(self, stream: asyncio.StreamReader | None) -> None:
        rest = b""
        while stream is not None and (chunk := await stream.read(CHUNK)):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            self._write(lines)
        if rest:
            self._write([rest])

    def _write(self, lines: list[bytes]) -> None:
        self.write(b"".join(self.label + line + b"\n" for line in lines))

    def _say(self, what: str) -> None:
        self._write([f"*** {self.child.name} {what}".encode()])

    def _signal(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


async def _spawned(child: Child) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *child.command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(child.environment),
        start_new_session=True,
        preexec_fn=partial(orphans.end_with, os.getpid(), by=child.orphan_signal),
        **as_account(child.user),
    )
