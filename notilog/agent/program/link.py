"""One connection to the server: enrolling, logs out, answers and settings in."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final
from uuid import UUID

import aiohttp

from notilog.agent.notices import Notices
from notilog.agent.program.journal import Journal, Spooled
from notilog.agent.program.kept import keep_token
from notilog.agent.program.machine import itself

PROTOCOL: Final = 1
MOST_UNANSWERED: Final = 4
ANSWER_WITHIN: Final = 60.0
"""Seconds after which a connection without an answer is given up."""

_LONGEST_LATER: Final = 600.0
_IDLE: Final = 0.5

OnSettings = Callable[[int, object], Awaitable[dict[str, Any] | None]]


class Closed(Exception):
    """The server ended the connection.

    Args:
        code: of the close.
        reason: in words.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason or 'the connection was closed'} ({code})")
        self.code = code


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's first answer."""

    agent_id: str
    heartbeat_seconds: float


@dataclass(slots=True)
class _Sent:
    """A batch that waits for its answer."""

    batch: Spooled
    at: float


class Outgoing:
    """The batches on their way; outlives single connections.

    Args:
        journal: where they wait.
        notices: told what became of them, where it is bad.
    """

    def __init__(self, journal: Journal, notices: Notices) -> None:
        self.dropped = 0
        """Records of batches that the server can never store."""
        self.rejected = 0
        self.answers = 0
        self.news = asyncio.Event()
        self._journal = journal
        self._notices = notices
        self._sent: dict[UUID, _Sent] = {}
        self._later: dict[UUID, float] = {}
        self._answered: dict[UUID, Spooled] = {}
        """Answered, though the disk could not forget them yet."""

    def begin(self) -> None:
        """On a new connection everything without an answer is sent again."""
        self._sent.clear()
        self._later.clear()
        self.news.set()

    @property
    def overdue(self) -> bool:
        now = monotonic()
        return any(now - one.at > ANSWER_WITHIN for one in self._sent.values())

    def next(self) -> Spooled | None:
        """The oldest batch that may be sent now."""
        if len(self._sent) >= MOST_UNANSWERED:
            return None
        now = monotonic()
        for batch in self._journal.waiting():
            taken = batch.id in self._sent or batch.id in self._answered
            if not taken and self._later.get(batch.id, 0) <= now:
                return batch
        return None

    def body(self, batch: Spooled) -> bytes | None:
        """The records of a batch; None when the disk does not give them now."""
        try:
            return self._journal.body(batch)
        except OSError as error:
            self._notices.say("spool", f"a batch cannot be read: {error}")
            return None

    def sent(self, batch: Spooled) -> None:
        self._later.pop(batch.id, None)
        self._sent[batch.id] = _Sent(batch, monotonic())

    async def answered(self, frame: dict[str, Any]) -> None:
        """Take an answer: `stored`, `later` or `refused`.

        Raises:
            ValueError: it names no batch.
        """
        key = UUID(str(frame.get("batch")))
        sent = self._sent.pop(key, None)
        if sent is None:
            return
        kind, reason = frame["type"], str(frame.get("reason", ""))[:200]
        if kind == "later":
            self._later[key] = monotonic() + _seconds(frame.get("seconds"))
            self._notices.say("later", f"logs are kept for now: {reason}")
        else:
            self._count(kind, sent.batch, frame, reason)
            self.answers += 1
            self._answered[key] = sent.batch
            await self.forget()
        self.news.set()

    async def forget(self) -> None:
        """Remove from the disk what is answered."""
        for key, batch in list(self._answered.items()):
            try:
                await asyncio.to_thread(self._journal.remove, batch)
            except OSError as error:
                self._notices.say("forgetting", f"the spool cannot be emptied: {error}")
                return
            self._answered.pop(key, None)

    def _count(self, kind: str, batch: Spooled, frame: dict[str, Any], reason: str) -> None:
        if kind == "refused":
            self.dropped += batch.records
            self._notices.say("refused", f"{batch.records} records were refused: {reason}")
            return
        self._notices.settled("later", "logs are stored again")
        rejected = frame.get("rejected")
        if isinstance(rejected, list) and rejected:
            self.rejected += len(rejected)
            first = rejected[0]
            why = str(first.get("reason", "") if isinstance(first, dict) else first)[:200]
            self._notices.say("rejected", f"a record was rejected: {why}")


class Link:
    """One connection, from its first frame to its end.

    Args:
        socket: just opened.
        state: the agent's folder.
        outgoing: the batches.
        on_settings: applies settings; its answer, if any, is sent.
    """

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        state: Path,
        outgoing: Outgoing,
        *,
        on_settings: OnSettings,
    ) -> None:
        self._socket = socket
        self._state = state
        self._outgoing = outgoing
        self._on_settings = on_settings

    async def greet(self, *, token: str | None, code: str | None) -> Welcome:
        """Enrol or authenticate.

        Raises:
            Closed: the server does not want us.
        """
        own = {"protocol": PROTOCOL, "agent": itself()}
        if token is not None:
            await self.send({"type": "auth", "token": token, **own})
        else:
            await self.send({"type": "enrol", "code": code, **own})
            enrolled = await self._expect("enrolled")
            await asyncio.to_thread(keep_token, self._state, str(enrolled["token"]))
        welcome = await self._expect("welcome")
        await self._apply(welcome.get("settings_version"), welcome.get("settings"))
        seconds = welcome.get("heartbeat_seconds", 10)
        period = float(seconds) if isinstance(seconds, int | float) else 10.0
        return Welcome(str(welcome.get("agent_id", "")), min(max(period, 0.1), 3600.0))

    async def serve(
        self, *, heartbeat: Callable[[], Awaitable[dict[str, Any]]], every: float
    ) -> None:
        """Send and receive until the connection ends.

        Raises:
            Closed: by the server.
        """
        self._outgoing.begin()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive())
            tasks.create_task(self._send_batches())
            tasks.create_task(self._tell(heartbeat, every))

    async def send(self, frame: dict[str, Any]) -> None:
        await self._socket.send_str(json.dumps(frame, separators=(",", ":")))

    async def _receive(self) -> None:
        while True:
            frame = await self._frame()
            kind = frame.get("type")
            if kind in ("stored", "later", "refused"):
                with suppress(ValueError):
                    await self._outgoing.answered(frame)
            elif kind == "settings":
                await self._apply(frame.get("version"), frame.get("settings"))

    async def _send_batches(self) -> None:
        while True:
            self._outgoing.news.clear()
            while (batch := self._outgoing.next()) is not None:
                body = await asyncio.to_thread(self._outgoing.body, batch)
                if body is None:
                    break
                self._outgoing.sent(batch)
                await self._socket.send_bytes(batch.id.bytes + body)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._outgoing.news.wait(), _IDLE)
            if self._outgoing.overdue:
                raise Closed(1006, f"no answer within {ANSWER_WITHIN:g} s")
            await self._outgoing.forget()

    async def _tell(self, heartbeat: Callable[[], Awaitable[dict[str, Any]]], every: float) -> None:
        while True:
            await self.send(await heartbeat())
            await asyncio.sleep(every)

    async def _apply(self, version: object, settings: object) -> None:
        number = version if isinstance(version, int) else 0
        answer = await self._on_settings(number, settings)
        if answer is not None:
            await self.send(answer)

    async def _expect(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(ANSWER_WITHIN):
            while True:
                frame = await self._frame()
                if frame.get("type") == kind:
                    return frame

    async def _frame(self) -> dict[str, Any]:
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            try:
                frame = json.loads(message.data)
            except ValueError:
                frame = None
            return frame if isinstance(frame, dict) else {}
        if message.type is aiohttp.WSMsgType.BINARY:
            return {}
        code = self._socket.close_code or 1006
        reason = message.extra if message.type is aiohttp.WSMsgType.CLOSE else ""
        if message.type is aiohttp.WSMsgType.ERROR:
            reason = str(self._socket.exception() or "")
        raise Closed(code, str(reason or "")[:200])


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 1.0
    return min(max(float(value), 0.0), _LONGEST_LATER)
