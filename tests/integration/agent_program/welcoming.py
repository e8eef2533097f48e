"""A server in the place of a NotiLog, which speaks the agents' protocol as a test tells it to."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import WSMsgType, web

CODE = "a-one-time-code"
TOKEN = "nl_token-of-the-agent"

Answer = Callable[[UUID, int], dict[str, Any] | None]
"""By the batch and how often it has come: the frame, or None to drop the connection."""


def stored(batch: UUID, _times: int) -> dict[str, Any]:
    return {"type": "stored", "batch": str(batch), "accepted": 1, "rejected": []}


@dataclass
class Fake:
    """What agents said so far, and how they are answered."""

    port: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    heartbeat_seconds: float = 0.2
    batch_records: int = 1000
    answer: Answer = stored
    frames: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    """Bytes of each text frame but the first."""
    arrivals: list[UUID] = field(default_factory=list)
    batches: dict[UUID, list[dict[str, Any]]] = field(default_factory=dict)
    """Each by its id, once, in the order in which they were stored."""
    unanswered: int = 0
    code_used: bool = False
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for batch in list(self.batches.values()) for record in batch]

    @property
    def messages(self) -> list[str]:
        return [record["message"] for record in self.records]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in list(self.frames) if frame["type"] == kind]

    def push(self, settings: dict[str, Any]) -> None:
        self.settings, self.version = settings, self.version + 1
        frame = {"type": "settings", "version": self.version, "settings": settings}
        self._do(self._send_all(json.dumps(frame)))

    def drop_connections(self) -> None:
        self._do(self._drop_all())

    def _do(self, work: Any) -> None:
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def _send_all(self, text: str) -> None:
        for socket in list(self.sockets):
            await socket.send_str(text)

    async def _drop_all(self) -> None:
        for socket in list(self.sockets):
            await _cut(socket)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=2 * 1024 * 1024)
        await socket.prepare(request)
        if not await self._greeted(socket, await socket.receive_json(timeout=10)):
            return socket
        self.sockets.add(socket)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                await self._batch(socket, message.data)
            elif message.type is WSMsgType.TEXT:
                self.frames.append(json.loads(message.data))
                self.sizes.append(len(message.data.encode()))
                if self.frames[-1]["type"] == "heartbeat":
                    with suppress(ConnectionError):
                        await socket.send_json({"type": "heard", "at": self.frames[-1]["at"]})
        self.sockets.discard(socket)
        return socket

    async def _greeted(self, socket: web.WebSocketResponse, first: dict[str, Any]) -> bool:
        self.frames.append(first)
        if first["type"] == "enrol":
            if first["code"] != CODE or self.code_used:
                await socket.close(code=4401, message=b"no such code")
                return False
            self.code_used = True
            await socket.send_json({"type": "enrolled", "agent_id": "a", "token": TOKEN})
        elif first["token"] != TOKEN:
            await socket.close(code=4401, message=b"no such token")
            return False
        welcome = {
            "type": "welcome",
            "agent_id": "a",
            "heartbeat_seconds": self.heartbeat_seconds,
            "settings_version": self.version,
            "settings": self.settings,
            "limits": {"batch_records": self.batch_records},
        }
        await socket.send_json(welcome)
        return True

    async def _batch(self, socket: web.WebSocketResponse, data: bytes) -> None:
        key = UUID(bytes=data[:16])
        self.arrivals.append(key)
        answer = self.answer(key, self.arrivals.count(key))
        if len(gzip.decompress(data[16:]).splitlines()) > self.batch_records:
            answer = {"type": "refused", "batch": str(key), "reason": "large", "is_too_large": True}
        if answer is None or answer["type"] == "stored":
            lines = gzip.decompress(data[16:]).splitlines()
            self.batches.setdefault(key, [json.loads(line) for line in lines])
        if answer is None:
            await _cut(socket)
            return
        with suppress(ConnectionError):
            await socket.send_json(answer)


async def _cut(socket: web.WebSocketResponse) -> None:
    """End the connection without a word."""
    transport = socket._req.transport if socket._req is not None else None  # noqa: SLF001
    if transport is not None:
        transport.abort()


@contextmanager
def welcoming(fake: Fake) -> Iterator[Fake]:
    """Run the server on loopback, on the port it had before if it had one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    fake.loop = loop
    runner = asyncio.run_coroutine_threadsafe(_start(fake), loop).result(10)
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(_stop(fake, runner), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(fake: Fake) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/ws/agent", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", fake.port)
    await site.start()
    fake.port = runner.addresses[0][1]
    return runner


async def _stop(fake: Fake, runner: web.AppRunner) -> None:
    for socket in list(fake.sockets):
        await _cut(socket)
    await runner.cleanup()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
