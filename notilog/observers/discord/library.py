"""discord.py, as far as it is used: its REST, its gateway, its sessions. Nothing of its caches.

Here alone its inner parts are touched. They are few: where it looks for what to do with an event
(`parsers`), where it first speaks of a socket (`_update_references`), where it builds its state.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import aiohttp
import discord
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route
from discord.state import ConnectionState
from yarl import URL

from notilog.errors import SendFailed
from notilog.notifications.channels import outbound
from notilog.observers.discord.known import EVENTS

INTENTS: Final = discord.Intents(guilds=True, voice_states=True)
CONNECT_WITHIN: Final = 30.0
REST_WITHIN: Final = 60.0
"""Seconds for a request with the library's own retries."""

LONGEST_RATE_LIMIT: Final = 30.0
"""Seconds that the library waits by itself; it does not take less."""

CLOSE_WITHIN: Final = 1.0
RELEASE_WITHIN: Final = 0.4
GOING_AWAY, COMING_BACK = 1000, 4000

# We are in no voice channel and need nothing for it; it would be warned of at the first client.
discord.VoiceClient.warn_nacl = False
discord.VoiceClient.warn_dave = False

Hear = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Session:
    """What it takes to go on where a socket was lost."""

    id: str
    sequence: int | None
    gateway: URL


class _Requests(HTTPClient):
    """Sends to a base of its own: the library's is one for the whole process."""

    base: str
    allow_private: bool

    async def request(self, route: Route, **options: Any) -> Any:
        route.url = self.base + route.url.removeprefix(route.BASE)
        answer = await super().request(route, **options)
        # The library reads JSON only where a header says so to the letter; servers say more.
        if isinstance(answer, str):
            with contextlib.suppress(ValueError):
                return json.loads(answer)
        return answer

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        # A server of anybody's may name any place as its gateway.
        outbound.target(str(URL(url).with_scheme("https")), allow_private=self.allow_private)
        async with asyncio.timeout(CONNECT_WITHIN):
            socket = await super().ws_connect(url, compress=compress)
        # A peer that died answers no close frame, and the library would wait half a minute for it.
        socket._timeout = aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN)  # noqa: SLF001
        return socket


class _State(ConnectionState["Client"]):
    """Knows nothing: events go to us as they came, so that none of its parsers can fail on one."""

    def __init__(self, *, hear: Hear, **options: Any) -> None:
        super().__init__(**options)
        self.parsers = {event: partial(hear, event) for event in EVENTS}

    def _update_references(self, ws: DiscordWebSocket) -> None:
        # The library returns a socket only after HELLO; ended before, it would never be closed.
        self._get_client().ws = ws


class Client(discord.Client):
    """A client with a REST base of its own, whose raw events are heard.

    ``turn`` is waited for before each identify. ``patience`` is how many seconds the gateway may
    be silent. Private addresses are refused unless ``allow_private``.
    """

    def __init__(
        self,
        api_base: str,
        *,
        hear: Hear,
        turn: Callable[[], Awaitable[None]],
        patience: float,
        allow_private: bool,
    ) -> None:
        self._api_base = api_base
        self._allow_private = allow_private
        self._hear = hear
        self._turn = turn
        super().__init__(
            intents=INTENTS,
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags(voice=True, joined=False),
            heartbeat_timeout=patience,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT,
        )

    def _get_state(self, **options: Any) -> ConnectionState["Client"]:
        self.http = _Requests(
            self.loop, http_trace=_refusing_redirects(), max_ratelimit_timeout=LONGEST_RATE_LIMIT
        )
        self.http.base = self._api_base
        self.http.allow_private = self._allow_private
        return _State(
            hear=self._hear,
            dispatch=self.dispatch,
            handlers=self._handlers,
            hooks=self._hooks,
            http=self.http,
            **options,
        )

    async def before_identify_hook(
        self,
        shard_id: int | None,  # noqa: ARG002  the library's signature
        *,
        initial: bool = False,  # noqa: ARG002
    ) -> None:
        await self._turn()

    async def log_in(self, token: str) -> None:
        """Learn whether the token is good, without asking for what nobody needs.

        Raises:
            discord.LoginFailure: it is not.
        """
        await self._async_setup_hook()
        self.http.connector = aiohttp.TCPConnector(
            limit=0,
            force_close=True,  # two requests a session: a connection kept would be one for nothing
            resolver=None if self._allow_private else outbound.PublicResolver(),
        )
        async with asyncio.timeout(REST_WITHIN):
            await self.http.static_login(token)

    async def ask_gateway(self) -> Any:
        """What /gateway/bot answers, with the limit of session starts."""
        async with asyncio.timeout(REST_WITHIN):
            return await self.http.request(Route("GET", "/gateway/bot"))

    async def open(self, gateway: URL, session: Session | None) -> DiscordWebSocket:
        """Open a socket and identify on it, or resume the session."""
        return await DiscordWebSocket.from_client(
            self,
            initial=True,
            gateway=session.gateway if session else gateway,
            session=session.id if session else None,
            sequence=session.sequence if session else None,
            resume=session is not None,
        )

    async def end(self) -> None:
        """Close everything within about a second and a half; a second cancellation hurries it."""
        closing = asyncio.create_task(self._end())
        while not closing.done():
            try:
                await asyncio.wait({closing})
            except asyncio.CancelledError:
                closing.cancel()

    async def _end(self) -> None:
        try:
            if self.ws is not None:
                await hang_up(self.ws, GOING_AWAY)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RELEASE_WITHIN):
                    await self.http.close()


@cache
def _refusing_redirects() -> aiohttp.TraceConfig:
    """A redirect may lead anywhere, into our own network too; the library would follow it.

    One for all clients, as each is three dozen objects.
    """

    async def refuse(*_: Any) -> None:
        raise SendFailed("the server redirects to another place; name that one", permanent=True)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


async def hang_up(socket: DiscordWebSocket, code: int) -> None:
    """Close a socket, politely for a second, and end its keep-alive thread.

    After `GOING_AWAY` a session is over, after `COMING_BACK` it can be resumed.
    """
    with contextlib.suppress(TimeoutError, OSError, aiohttp.ClientError, RuntimeError):
        async with asyncio.timeout(CLOSE_WITHIN):
            await socket.close(code)


def close_code(socket: DiscordWebSocket) -> int | None:
    """The code that the other side closed with; None if it was not the other side."""
    return None if socket._close_code else socket.socket.close_code  # noqa: SLF001
