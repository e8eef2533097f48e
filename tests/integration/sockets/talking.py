"""A client of the sockets, and people who may use it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from notilog import clock
from notilog.db.session import transaction
from notilog.realtime.events_queue import Notice, tell
from notilog.users import accounts, sessions
from notilog.users.accounts import Name, NewAccount
from notilog.users.caller import Role
from notilog.users.credentials import caller_behind
from notilog.users.tokens import NewToken, mint

PATIENCE = 10.0
Frame = dict[str, Any]


@dataclass(slots=True)
class Client:
    """One socket; what it was sent and nobody has asked for yet waits in ``frames``."""

    ws: ClientWebSocketResponse
    frames: list[Frame] = field(default_factory=list)

    async def send(self, **frame: Any) -> None:
        await self.ws.send_str(json.dumps(frame))

    async def next(self) -> Frame:
        """The next frame; fails when the socket is closed instead."""
        if self.frames:
            return self.frames.pop(0)
        async with asyncio.timeout(PATIENCE):
            message = await self.ws.receive()
        assert message.type == WSMsgType.TEXT, (message, self.ws.close_code)
        found: Frame = json.loads(message.data)
        return found

    async def ask(self, **frame: Any) -> Frame:
        """The answer; messages that come before it are kept."""
        await self.send(**frame)
        kept: list[Frame] = []
        while (answer := await self.next())["type"] in {"message", "gap"}:
            kept.append(answer)
        self.frames = kept + self.frames
        return answer

    async def subscribe(self, topic: str, **fields: Any) -> Frame:
        answer = await self.ask(type="subscribe", id=topic, topic=topic, **fields)
        assert answer["type"] == "subscribed", answer
        return answer

    async def data(self, count: int) -> list[Any]:
        """What the next messages hold, so many things in all."""
        found: list[Any] = []
        while len(found) < count:
            message = await self.next()
            assert message["type"] == "message", message
            found += message["data"]
        return found

    async def code(self) -> int:
        """The code with which the node closes it, whatever comes before."""
        async with asyncio.timeout(PATIENCE + 10):
            while (await self.ws.receive()).type == WSMsgType.TEXT:
                pass
        assert self.ws.close_code is not None
        return self.ws.close_code


@asynccontextmanager
async def connected(url: str, *, path: str = "/ws", **options: Any) -> AsyncIterator[Client]:
    """A socket that has said nothing yet."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}{path}", max_msg_size=0, **options) as ws,
    ):
        yield Client(ws)


@asynccontextmanager
async def signed_in(url: str, token: str) -> AsyncIterator[Client]:
    """A socket that is welcome."""
    async with connected(url) as client:
        welcome = await client.ask(type="auth", token=token)
        assert welcome["type"] == "welcome", welcome
        yield client


async def person(login: str, *, role: Role = "user") -> str:
    """Somebody new, by their session id."""
    account = NewAccount.model_validate(
        {"login": login, "name": Name(first=login.title(), last="Lee"), "role": role}
    )
    async with transaction() as tx:
        row = await accounts.create(tx, account, password_hash=None)
        opened = await sessions.open_session(tx, row.id, now=clock.now())
    return opened.id


async def token_of(session_id: str, *scopes: str, project: str | None = None) -> str:
    """A token that its holder has made of these."""
    new = NewToken.model_validate({"name": "t", "scopes": list(scopes), "project": project})
    now = clock.now()
    async with transaction() as tx:
        caller = await caller_behind(tx, session_id, now=now)
        assert caller is not None
        return (await mint(tx, caller, new=new, now=now)).token


async def told(topic: str, *data: Any) -> None:
    """Tell of these, each after a transaction of its own."""
    for one in data:
        async with transaction() as tx:
            tell(tx, topic, [Notice(one)])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  nobody could wake us
            await asyncio.sleep(0.02)
