"""The agent: reads, checks, and stays connected until it is told to leave."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from time import monotonic
from typing import Any, Final

import aiohttp

from notilog.agent.backlog import Gathering
from notilog.agent.notices import Notices
from notilog.agent.program import kept
from notilog.agent.program.allowed import EVERYTHING, Allowed
from notilog.agent.program.checks import Checking
from notilog.agent.program.gathering import Reading
from notilog.agent.program.heartbeats import fitted
from notilog.agent.program.journal import Journal
from notilog.agent.program.link import Closed, Link
from notilog.agent.program.machine import itself, metrics
from notilog.agent.program.outgoing import Outgoing
from notilog.agent.program.records import Stamper
from notilog.agent.program.settings import BadSettings, settings_of
from notilog.agent.program.standard_input import Place, StandardInput
from notilog.agent.program.threads import Threads
from notilog.agent.texts import word

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0
"""Seconds between tries to connect."""
LASTED: Final = 20.0
"""Seconds after which a connection was a good one, and the next try is made at once."""
CONNECT_WITHIN: Final = 15.0
CLOSE_WITHIN: Final = 0.5
LEAVE_WITHIN: Final = 2.0
"""Seconds to spool what was read."""
DRAIN_WITHIN: Final = 10.0
"""Seconds to send what is left when standard input has ended."""
STATUS_EVERY: Final = 1.0
METRICS_WITHIN: Final = 5.0
DOUBT_SECONDS: Final = 5.0
"""Seconds after which a check that went otherwise is run again, unless it is sooner anyway."""
MOST_FILES_TOLD: Final = 200
MOST_PROBLEMS: Final = 100

_LARGEST_FRAME: Final = 1024 * 1024
_random: Final = SystemRandom()
_WRONG_TOKEN: Final = 4401
_SUPERSEDED: Final = 4409


class EnrolmentRefused(Exception):
    """The code is not, or no longer, one of the server's."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    url: str
    state: Path
    code: str | None = None
    stdin: Place | None = None
    spool_bytes: int = 512 * 1024 * 1024
    allowed: Allowed = EVERYTHING


class Agent:
    """One agent on one folder, which nobody else works on.

    Raises:
        OSError: its folder cannot be used.
        ValueError: the token in it is none.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._notices = Notices()
        self._token = kept.read_token(options.state)
        if self._token is None and not options.code:
            raise EnrolmentRefused("this machine is not enrolled yet: --code is needed once")
        self._version, self._settings = kept.read_settings(options.state, options.allowed)
        self._journal = Journal(options.state, options.spool_bytes)
        self._checking = Checking()
        self._leaving = asyncio.Event()
        self._recheck = asyncio.Event()
        self._outgoing = Outgoing(self._journal, self._notices)
        self._connected_since: str | None = None
        self._pause = FIRST_PAUSE
        self._was_superseded = False
        self._metrics: dict[str, Any] = {}
        self._threads = Threads()
        loop, stamper = asyncio.get_running_loop(), Stamper(word(itself()["name"]))
        self._reading = Reading(
            self._journal,
            stamper,
            self._notices,
            stdin=StandardInput(options.stdin, stamper) if options.stdin else None,
            spooled=lambda: _tell(loop, self._outgoing.news.set),
            gathering=Gathering(),
            allowed=options.allowed,
        )

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, or until standard input has ended and is sent.

        Raises:
            EnrolmentRefused: the code is wrong.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leaving.set)
        self._reading.follow(self._settings)
        self._checking.follow(self._settings.checks)
        self._reading.start()
        work = (self._stay_connected, self._keep_checking, self._keep_status, self._watch_stdin)
        tasks = [asyncio.create_task(one()) for one in work]
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            await asyncio.wait([*tasks, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._leave([*tasks, leaving])
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _leave(self, tasks: "list[asyncio.Task[Any]]") -> None:
        spooled = await asyncio.to_thread(self._reading.stop, LEAVE_WITHIN)
        if not spooled:
            self._notices.say("leaving", "the reader hangs; what it read is read again next time")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.7)
        self._connected_since = None
        self._write_status()

    async def _stay_connected(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_WITHIN)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while True:
                began, answers = monotonic(), self._outgoing.answers
                reason = await self._connection(session)
                self._connected_since = None
                if monotonic() - began > LASTED or self._outgoing.answers > answers:
                    self._pause = FIRST_PAUSE
                if self._was_superseded:
                    self._pause = LONGEST_PAUSE  # two with one token shall not chase each other
                self._notices.say("link", f"not connected, logs are kept: {reason}")
                await asyncio.sleep(self._pause * _random.uniform(0.5, 1))
                self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _connection(self, session: aiohttp.ClientSession) -> str:
        """Connect once, and stay; returns why it ended."""
        self._was_superseded = False
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                socket = await session.ws_connect(
                    _address(self._options.url),
                    heartbeat=20,
                    max_msg_size=_LARGEST_FRAME,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN),
                )
            async with socket:
                await self._serve(socket)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError) as error:
            return f"{type(error).__name__}: {error}"[:300]
        except (Closed, ExceptionGroup) as error:
            return self._ended(_first(error))
        return "the connection has ended"

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        link = Link(socket, self._options.state, self._outgoing, on_settings=self._apply)
        welcome = await link.greet(token=self._token, code=self._options.code)
        self._token = self._token or kept.read_token(self._options.state)
        self._connected_since = _now()
        self._notices.settled("link", "connected again")
        self._reading.gather(welcome.gathering)
        await link.serve(heartbeat=self._heartbeat, every=welcome.heartbeat_seconds)

    def _ended(self, error: BaseException) -> str:
        if self._token is None:
            # The token may have been written though the connection ended right behind it.
            self._token = kept.read_token(self._options.state)
        if self._token is None and isinstance(error, Closed) and error.code == _WRONG_TOKEN:
            raise EnrolmentRefused(f"the server refuses the code: {error}")
        self._was_superseded = isinstance(error, Closed) and error.code == _SUPERSEDED
        return str(error) if isinstance(error, Closed) else f"{type(error).__name__}: {error}"[:300]

    async def _apply(self, version: int, given: object) -> dict[str, Any] | None:
        """Take settings; what is wrong with them, as the frame that says so."""
        try:
            settings = settings_of(given, self._options.allowed)
        except BadSettings as error:
            self._notices.say("settings", f"settings {version} are not followed: {error}")
            errors = [
                {"field": one.field, "reason": one.reason} for one in error.problems[:MOST_PROBLEMS]
            ]
            return {"type": "settings_refused", "version": version, "errors": errors}
        if (version, settings) == (self._version, self._settings):
            return None
        with suppress(OSError):  # they are followed all the same, and come again
            await asyncio.to_thread(kept.keep_settings, self._options.state, version, given)
        self._version, self._settings = version, settings
        self._reading.follow(settings)
        self._checking.follow(settings.checks)
        self._recheck.set()
        return None

    async def _heartbeat(self) -> dict[str, Any]:
        try:
            self._metrics = await self._threads.run("metrics", metrics, patience=METRICS_WITHIN)
            self._notices.settled("metrics", "how the machine is can be measured again")
        except Exception as error:  # noqa: BLE001  the connection shall not end by it
            self._notices.say("metrics", f"how the machine is cannot be measured: {error!r}")
        return fitted(
            {
                "type": "heartbeat",
                "at": _now(),
                "settings_version": self._version,
                "metrics": self._metrics,
                **self._work(),
            }
        )

    def _work(self) -> dict[str, Any]:
        load = self._journal.load
        files = self._reading.files[:MOST_FILES_TOLD]
        return {
            "checks": [one.as_json() for one in self._checking.outcomes],
            "spool": {
                "batches": load.batches,
                "bytes": load.bytes,
                "dropped": self._outgoing.dropped,
            },
            "files": [{"path": f.path, "offset": f.offset, "lag": f.lag} for f in files],
        }

    async def _keep_checking(self) -> None:
        while True:
            self._recheck.clear()
            await self._checking.run()
            pause = self._settings.check_seconds
            if self._checking.is_in_doubt:
                pause = min(pause, DOUBT_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._recheck.wait()

    async def _keep_status(self) -> None:
        while True:
            self._write_status()
            await asyncio.sleep(STATUS_EVERY)

    def _write_status(self) -> None:
        status = {
            "at": _now(),
            "url": self._options.url,
            "connected_since": self._connected_since,
            "settings_version": self._version,
            "full": self._journal.is_full,
            "rejected": self._outgoing.rejected,
            "postponed": self._outgoing.postponed,
            **self._work(),
        }
        with suppress(OSError):
            kept.keep_status(self._options.state, status)

    async def _watch_stdin(self) -> None:
        while not self._reading.is_over:  # noqa: ASYNC110  of another thread
            await asyncio.sleep(0.1)
        deadline = monotonic() + DRAIN_WITHIN
        while self._journal.load.batches and monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _address(url: str) -> str:
    return url.rstrip("/") + "/ws/agent"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed while the last batch is spooled
        loop.call_soon_threadsafe(what)
