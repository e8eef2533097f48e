"""An agent as its protocol describes it, speaking to a running API over a socket."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import httpx

from notilog import clock

ABOUT = {"name": "web-1", "version": "1.0", "system": "Linux 6.1", "python": "3.11"}
PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Platform:
    """A running API, and an administrator's session."""

    url: str
    session_id: str

    @property
    def socket_url(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/ws/agent"

    def rest(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.session_id}"}
        return httpx.Client(base_url=f"{self.url}/api/v1/", headers=headers)

    def asked(self, method: str, path: str, **fields: Any) -> Any:
        with self.rest() as client:
            answer = client.request(method, path, **fields)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

    def token(self, *scopes: str, **fields: Any) -> str:
        new = {"name": "agent", "scopes": scopes or ("agents:connect", "logs:write"), **fields}
        return str(self.asked("POST", "tokens", json=new)["token"])


@dataclass(slots=True)
class Agent:
    """One connection."""

    socket: aiohttp.ClientWebSocketResponse

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def hear(self) -> dict[str, Any]:
        """The next frame; the connection must not be closed."""
        message = await self.socket.receive(PATIENCE)
        assert message.type is aiohttp.WSMsgType.TEXT, (message, self.socket.close_code)
        found: dict[str, Any] = json.loads(message.data)
        return found

    async def closed(self) -> tuple[int | None, str]:
        """The code and the reason with which the connection is closed, whatever came before."""
        while True:
            message = await self.socket.receive(PATIENCE)
            if message.type is aiohttp.WSMsgType.CLOSE:
                return int(message.data), str(message.extra)
            if message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}:
                return self.socket.close_code, ""

    async def auth(self, token: str, **fields: Any) -> dict[str, Any]:
        """Say who it is; the welcome."""
        await self.say("auth", **{"token": token, "protocol": 1, "agent": ABOUT, **fields})
        welcome = await self.hear()
        assert welcome["type"] == "welcome"
        return welcome

    async def send(self, *records: Any, batch: UUID | None = None) -> UUID:
        batch = batch or uuid4()
        lines = "\n".join(json.dumps(record) for record in records).encode()
        await self.socket.send_bytes(batch.bytes + gzip.compress(lines))
        return batch

    async def beat(self, **fields: Any) -> None:
        await self.say("heartbeat", **{"at": clock.now().isoformat(), **fields})


@asynccontextmanager
async def connected(platform: Platform) -> AsyncIterator[Agent]:
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(platform.socket_url, max_msg_size=0) as socket,
    ):
        yield Agent(socket)


@asynccontextmanager
async def known(platform: Platform, token: str) -> AsyncIterator[tuple[Agent, dict[str, Any]]]:
    """An agent that was welcomed, and the welcome."""
    async with connected(platform) as agent:
        yield agent, await agent.auth(token)


async def soon(condition: Any, what: str) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  another process changes it
            await asyncio.sleep(0.05)
    assert condition(), what
