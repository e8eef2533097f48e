"""One socket, from its first frame to its end; handlers never see it."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import Final, Literal
from uuid import UUID

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.browser import COOKIE, is_same_origin
from api.deps import caller_of
from api.peer import address_of
from api.sockets.door import Full
from api.sockets.handler import Handler
from api.sockets.handlers import HANDLERS
from api.sockets.outbox import Outbox
from api.sockets.room import Room
from api.sockets.topics import TOPICS, Topic
from notilog import clock
from notilog.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotilogError,
    TooMany,
    Unauthenticated,
)
from notilog.realtime.fanout import Left, Subscription
from notilog.realtime.measures import FRAMES
from notilog.realtime.protocol import (
    BURST,
    FRAMES_A_SECOND,
    FULL,
    MALFORMED,
    MOST_SUBSCRIPTIONS,
    SLOW,
    TOO_MANY_FRAMES,
    UNAUTHENTICATED,
    Answer,
    Asked,
    Auth,
    Reason,
    Refusal,
    Subscribe,
    Subscribed,
    Welcome,
    decoded,
    encoded,
    refusal,
)
from notilog.realtime.topics import Place
from notilog.users.caller import Caller

log = structlog.get_logger(__name__)

FAILED: Final = 1011
UNAVAILABLE: Final = 1013


async def serve(websocket: WebSocket) -> None:
    """Serve one socket; the route of the application."""
    room: Room = websocket.app.state.sockets
    await websocket.accept()
    with suppress(WebSocketDisconnect):  # they may go while something is said to them
        await _served(websocket, room)


async def _served(websocket: WebSocket, room: Room) -> None:
    try:
        with room.door.waiting(address_of(websocket)):
            asked = await _first(websocket, within=room.settings.auth_within)
            if asked is None:
                return
            secret = _presented(websocket, asked)
            caller = await caller_of(secret)
        with room.door.inside():
            connection = Connection(websocket, room, caller=caller, secret=secret)
            await connection.serve(Welcome(id=asked.id, login=caller.login, node=room.node))
    except TimeoutError:
        await websocket.close(UNAUTHENTICATED, "the first frame did not come in time")
    except Full as error:
        await websocket.close(FULL, str(error))
    except Invalid as error:
        await _turned_away(websocket, error, MALFORMED)
    except (Unauthenticated, Forbidden) as error:
        await _turned_away(websocket, error, UNAUTHENTICATED)
    except NotilogError as error:
        await _turned_away(websocket, error, UNAVAILABLE)


async def _first(websocket: WebSocket, *, within: float) -> Auth | None:
    """The first frame, which says who comes; None when they have gone.

    Raises:
        Invalid: it is none.
        TimeoutError: it did not come within so many seconds.
    """
    async with asyncio.timeout(within):
        message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        return None
    asked: Auth = decoded(_text(message), Auth)
    if asked.type != "auth":
        raise Invalid.field("type", "the first frame is auth")
    return asked


def _presented(websocket: WebSocket, asked: Auth) -> str:
    if asked.token is not None:
        return asked.token
    cookie = websocket.cookies.get(COOKIE)
    if cookie is None:
        raise Unauthenticated("the first frame names a token: a session id or an API token")
    if not is_same_origin(websocket.headers):
        raise Forbidden("a browser's cookie counts for pages of this server only")
    return cookie


async def _turned_away(websocket: WebSocket, error: NotilogError, code: int) -> None:
    await websocket.send_text(encoded(refusal(error, id=None)))
    await websocket.close(code, str(error))


def _text(message: object) -> str:
    text = message.get("text") if isinstance(message, dict) else None
    if text is None:
        raise Invalid.field("frame", "is text, not binary")
    return str(text)


def _handler(asked: Asked) -> Handler:
    handler = HANDLERS.get(asked.type)
    if handler is None:
        raise Invalid.field("type", f"none of {', '.join(HANDLERS)}")
    return handler


class Connection:
    """A socket of somebody who is known; also the verbs that handlers have."""

    def __init__(self, websocket: WebSocket, room: Room, *, caller: Caller, secret: str) -> None:
        self.caller = caller
        self.secret = secret
        self._websocket = websocket
        self._room = room
        self._outbox = Outbox(room.settings, self._send, self._too_slow)
        self._subscriptions: dict[str, Subscription] = {}
        self._beginning: tuple[Subscription, Left | None] | None = None
        self._catching_up: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._allowance, self._counted_at = float(BURST), monotonic()
        self._writing: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._is_over = False

    async def serve(self, welcome: Welcome) -> None:
        """Until either side closes."""
        self._room.add(self)
        self._writing = asyncio.create_task(self._outbox.write())
        try:
            self._outbox.offer(encoded(welcome))
            while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
                if self._closing is not None:
                    break
                FRAMES.add("heard")
                if not self._is_allowed():
                    self.end(TOO_MANY_FRAMES, f"more than {FRAMES_A_SECOND} frames a second")
                    break
                await self._answer(message)
        finally:
            self._is_over = True
            self._room.remove(self)
            for subscription in self._subscriptions.values():
                self._room.fanout.unsubscribe(subscription)
            self._outbox.close()
            self._writing.cancel()
            catching_up = list(self._catching_up.values())
            for task in catching_up:
                task.cancel()
            ending = [self._closing] if self._closing else []
            await asyncio.gather(self._writing, *ending, *catching_up, return_exceptions=True)

    def end(self, code: int, reason: str) -> None:
        """Close it, from outside; what waits to be sent is forgotten."""
        if self._closing is None and not self._is_over:
            self._outbox.close()
            if self._writing is not None:
                self._writing.cancel()
            self._closing = asyncio.create_task(self._websocket.close(code, reason))

    def offer(self, text: str) -> None:
        self._outbox.offer(text)

    async def put(self, text: str) -> None:
        await self._outbox.put(text)

    async def subscribe(self, asked: Subscribe) -> Subscribed:
        """Let messages of the topic follow the answer.

        Raises:
            Conflict: there is a subscription with this id.
            TooMany: there are as many as there may be.
            NotFound: there is no such topic.
            Forbidden: it is not theirs to see.
            Invalid: the filter is not understood.
            Unavailable: Redis does not answer.
        """
        if asked.id in self._subscriptions:
            raise Conflict(f"there is a subscription {asked.id} already")
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise TooMany(f"a socket has {MOST_SUBSCRIPTIONS} subscriptions", retry_after=0)
        topic = TOPICS.get(asked.topic)
        if topic is None:
            raise NotFound(f"no such topic; there are {', '.join(TOPICS)}")
        wants = topic.wanted(self.caller, asked.filter)
        fanout = self._room.fanout
        subscription = await fanout.subscribe(self, topic.shape, name=asked.id, wants=wants)
        after = None if asked.after is None else Place(asked.after.epoch, asked.after.offset)
        try:
            at = clock.now()
            place, recovered = await subscription.begin(after)
        except BaseException:
            fanout.unsubscribe(subscription)
            raise
        left = None if recovered else self._left(asked, topic)
        self._subscriptions[asked.id] = subscription
        self._beginning = subscription, left
        source: Literal["stream", "database"] | None = "stream" if recovered else None
        if left is not None:
            place, at, source = left.place, left.at, "database"
        return Subscribed(
            id=asked.id,
            topic=asked.topic,
            epoch=place.epoch,
            offset=place.offset,
            at=at,
            recovered=source is not None,
            source=source,
            advice=None if source is not None or after is None else topic.advice,
        )

    def _left(self, asked: Subscribe, topic: Topic) -> Left | None:
        """What they missed and the stream has not any more, if it can be had."""
        after = asked.after
        if after is None or after.at is None or topic.stored is None:
            return None
        parts = topic.stored(self.caller, asked.filter, after.at)
        return None if parts is None else Left(Place(after.epoch, after.offset), after.at, parts)

    def unsubscribe(self, id: str, /) -> None:  # noqa: A002  the frame's word
        """Let no more messages of it follow.

        Raises:
            NotFound: there is none with this id.
        """
        subscription = self._subscriptions.pop(id, None)
        if subscription is None:
            raise NotFound(f"there is no subscription {id}")
        self._room.fanout.unsubscribe(subscription)
        catching_up = self._catching_up.pop(id, None)
        if catching_up is not None:
            catching_up.cancel()

    async def connected(self, people: Iterable[UUID]) -> set[UUID]:
        return await self._room.connected(people)

    async def _answer(self, message: object) -> None:
        asked: Asked | None = None
        answer: Answer
        try:
            text = _text(message)
            asked = decoded(text, Asked)
            handler = _handler(asked)
            answer = await handler.answer(decoded(text, handler.frame), self.caller, self)
        except NotilogError as error:
            answer = refusal(error, id=asked.id if asked else None)
        except Exception:
            log.exception("frame_failed", type=asked.type if asked else None)
            reason = Reason("frame", "an unexpected error; it is in the log")
            answer = Refusal(id=asked.id if asked else None, code="failed", errors=[reason])
        await self._outbox.put(encoded(answer))
        beginning, self._beginning = self._beginning, None
        if beginning is not None:
            self._begin(*beginning)

    def _begin(self, subscription: Subscription, left: Left | None) -> None:
        """Let it catch up, while what they say meanwhile is heard."""
        name = subscription.name
        task = self._catching_up[name] = asyncio.create_task(self._catch_up(subscription, left))

        def forget(_: object) -> None:
            if self._catching_up.get(name) is task:
                del self._catching_up[name]

        task.add_done_callback(forget)

    async def _catch_up(self, subscription: Subscription, left: Left | None) -> None:
        try:
            async with self._one_at_a_time:
                await subscription.catch_up(left)
        except Exception:
            log.exception("not_caught_up")
            self.end(FAILED, "an unexpected error")

    async def _send(self, text: str) -> None:
        await self._websocket.send({"type": "websocket.send", "text": text})

    def _too_slow(self) -> None:
        self.end(SLOW, "messages came faster than they were read")

    def _is_allowed(self) -> bool:
        now = monotonic()
        earned = (now - self._counted_at) * FRAMES_A_SECOND
        self._allowance = min(BURST, self._allowance + earned) - 1
        self._counted_at = now
        return self._allowance >= 0
