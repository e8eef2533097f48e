"""The gateway: conversations over WebSocket, and sessions that outlive them."""

import asyncio
import contextlib
import json
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import zstandard
from aiohttp import WSMsgType, web

from tests.outside.discord_bots import Bot, Rules

HEARTBEAT, IDENTIFY, RESUME = 1, 2, 6
RECONNECT, INVALID_SESSION, HELLO, ACK = 7, 9, 10, 11
WRONG_TOKEN, DISALLOWED_INTENTS = 4004, 4014
GOING_AWAY = (1000, 1001)  # of a client: its session is over
# Voice states and guilds are no privilege; members, presences and message content are.
PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15
KEPT = 1000
SMALL = {"window_log": 10, "hash_log": 6, "chain_log": 6}

Compress = Callable[[str], str | bytes]


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of a conversation: by a close frame, or by losing the socket if there is no code."""

    code: int | None


@dataclass(eq=False, slots=True)
class Session:
    """What a bot is told, numbered; the newest of it is kept for a bot that comes back."""

    bot: Bot
    id: str = field(default_factory=lambda: token_hex(16))
    sequence: int = 0
    history: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=KEPT))
    conversation: "Conversation | None" = None

    def tell(self, event: str, data: str) -> None:
        """Dispatch an event whose data is JSON already; it is missed while nobody listens."""
        self.sequence += 1
        text = f'{{"op":0,"t":"{event}","s":{self.sequence},"d":{data}}}'
        self.history.append((self.sequence, text))
        if self.conversation is not None:
            self.conversation.say(text)

    def missed_since(self, sequence: int) -> list[str] | None:
        """What was told after that number; None if it is not kept any more, or never was."""
        if sequence > self.sequence or sequence < self.sequence - len(self.history):
            return None
        return [text for number, text in self.history if number > sequence]


@dataclass(eq=False, slots=True)
class Conversation:
    """One WebSocket."""

    gateway: "Gateway"
    socket: web.WebSocketResponse
    transport: asyncio.Transport
    compress: Compress
    session: Session | None = None
    outgoing: "asyncio.Queue[str | Closing]" = field(default_factory=asyncio.Queue)
    is_ended: bool = False
    """Whether the server ended it."""

    def say(self, text: str) -> None:
        self.outgoing.put_nowait(text)

    def send(self, op: int, data: object = None) -> None:
        self.say(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def end(self, code: int | None) -> None:
        """Close after what was said before, or lose the socket at once when there is no code."""
        self.is_ended = True
        self._forget()
        self.outgoing.put_nowait(Closing(code))
        if code is None:
            self.transport.abort()

    async def hold(self) -> None:
        """Talk until either side ends it."""
        writer = asyncio.create_task(self._write())
        self.send(HELLO, {"heartbeat_interval": round(self.gateway.rules.heartbeat * 1000)})
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    self._hear(json.loads(message.data))
        finally:
            self._heed_farewell()
            self._forget()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            said = await self.outgoing.get()
            if isinstance(said, Closing):
                await self.socket.close(code=said.code or 1006)
                return
            with contextlib.suppress(ConnectionError):
                packed = self.compress(said)
                if isinstance(packed, bytes):
                    await self.socket.send_bytes(packed)
                else:
                    await self.socket.send_str(packed)

    def _hear(self, message: dict[str, Any]) -> None:
        op, data = message["op"], message["d"]
        if op == HEARTBEAT and not self.gateway.rules.withhold_acks:
            self.send(ACK)
        elif op == IDENTIFY:
            self._identified(data)
        elif op == RESUME:
            self._resumed(data)

    def _identified(self, data: dict[str, Any]) -> None:
        gateway, rules = self.gateway, self.gateway.rules
        bot = gateway.bots.get(data["token"])
        if bot is None:
            self.end(WRONG_TOKEN)
            return
        bot.identifies.append(time.monotonic())
        bot.intents = data["intents"]
        bot.starts.remaining = max(0, bot.starts.remaining - 1)
        if rules.answer_identify is not None:
            self._refuse(rules.answer_identify)
        elif data["intents"] & PRIVILEGED or rules.disallow_intents:
            self.end(DISALLOWED_INTENTS)
        else:
            self.session = Session(bot, conversation=self)
            gateway.begin(self.session)
            self._follow_rules()

    def _refuse(self, answer: int) -> None:
        if answer == INVALID_SESSION:
            self.send(INVALID_SESSION, data=False)
        else:
            self.end(answer)

    def _resumed(self, data: dict[str, Any]) -> None:
        gateway = self.gateway
        session = gateway.sessions.get(data["session_id"])
        bot = gateway.bots.get(data["token"])
        if bot is None:
            self.end(WRONG_TOKEN)
            return
        bot.resumes.append(time.monotonic())
        missed = session.missed_since(data["seq"] or 0) if session else None
        if session is None or missed is None or session.bot is not bot:
            self.send(INVALID_SESSION, data=False)
            return
        if session.conversation is not None:
            session.conversation.end(4000)
        for text in missed:
            self.say(text)
        self.session, session.conversation = session, self
        session.tell("RESUMED", '{"_trace":[]}')
        self._follow_rules()

    def _heed_farewell(self) -> None:
        is_farewell = not self.is_ended and self.socket.close_code in GOING_AWAY
        if is_farewell and self.session is not None:
            self.gateway.sessions.pop(self.session.id, None)

    def _follow_rules(self) -> None:
        code = self.gateway.rules.close_sessions
        if code is not None:
            self.end(code)

    def _forget(self) -> None:
        self.gateway.conversations.discard(self)
        if self.session is not None and self.session.conversation is self:
            self.session.conversation = None


@dataclass(slots=True)
class Gateway:
    """Every conversation and session of a server."""

    bots: dict[str, Bot]
    rules: Rules
    welcome: Callable[[Session], None]
    """Tells a new session of its guilds, beginning with READY."""

    conversations: set[Conversation] = field(default_factory=set)
    sessions: dict[str, Session] = field(default_factory=dict)
    connections: list[float] = field(default_factory=list)
    """When each was opened, by `time.monotonic`."""

    queries: list[dict[str, str]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.WebSocketResponse:
        """Answer a WebSocket."""
        self.connections.append(time.monotonic())
        self.queries.append({"path": request.path, **request.query})
        # An empty answer to a close frame is all that is waited for; a client that died sends none.
        socket = web.WebSocketResponse(timeout=0.2, compress=False)
        await socket.prepare(request)
        if self.rules.refuse_gateway is not None:
            await socket.close(code=self.rules.refuse_gateway)
            return socket
        assert isinstance(request.transport, asyncio.Transport)
        compress = _compress(request.query.get("compress"))
        conversation = Conversation(self, socket, request.transport, compress)
        self.conversations.add(conversation)
        await conversation.hold()
        return socket

    def begin(self, session: Session) -> None:
        self.sessions[session.id] = session
        self.welcome(session)

    def sessions_of(self, tokens: set[str]) -> list[Session]:
        return [one for one in self.sessions.values() if one.bot.token in tokens]

    def conversations_of(self, token: str | None) -> list[Conversation]:
        """Those of a bot, or all of them."""
        return [
            one
            for one in self.conversations
            if token is None or (one.session is not None and one.session.bot.token == token)
        ]


def _compress(asked: str | None) -> Compress:
    """A stream of its own for each socket, as small as it can be: there are a thousand of them."""
    if asked == "zstd-stream":
        parameters = zstandard.ZstdCompressionParameters.from_level(1, **SMALL)
        stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        return lambda text: stream.compress(text.encode()) + stream.flush(flush)
    if asked == "zlib-stream":
        deflated = zlib.compressobj(1, zlib.DEFLATED, 9, 1)
        return lambda text: deflated.compress(text.encode()) + deflated.flush(zlib.Z_SYNC_FLUSH)
    return lambda text: text
