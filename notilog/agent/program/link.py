"""One connection to the server: enrolling, logs out, answers and settings in."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from notilog.agent.backlog import Gathering
from notilog.agent.program.heartbeats import as_text
from notilog.agent.program.kept import keep_token
from notilog.agent.program.machine import itself
from notilog.agent.program.outgoing import ANSWER_WITHIN, Outgoing

PROTOCOL: Final = 1

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
    gathering: Gathering
    """How large the server lets a batch be."""


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
        return Welcome(
            str(welcome.get("agent_id", "")),
            min(max(period, 0.1), 3600.0),
            _gathering(welcome.get("limits")),
        )

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
        await self._socket.send_str(as_text(frame))

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
            while (parcel := self._outgoing.next()) is not None:
                body = await asyncio.to_thread(self._outgoing.body, parcel)
                if body is None:
                    break
                self._outgoing.sent(parcel)
                await self._socket.send_bytes(parcel.id.bytes + body)
            with suppress(TimeoutError):
                async with asyncio.timeout(_IDLE):
                    await self._outgoing.news.wait()
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


def _gathering(limits: object) -> Gathering:
    """Batches as large as usual, or as the server takes them if that is less."""
    usual = Gathering()
    told = limits if isinstance(limits, dict) else {}
    return Gathering(
        records=_least(usual.records, told.get("batch_records")),
        bytes=_least(usual.bytes, told.get("batch_bytes")),
    )


def _least(usual: int, told: object) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or told < 1:
        return usual
    return min(usual, told)
