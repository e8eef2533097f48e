"""From a topic to the sockets of this process: read once, encoded once, given to many.

A topic is read by one task from its first subscription to its last. A subscription that begins at
an earlier place reads what it missed by itself, and what arrives meanwhile too, until it is where
that task is.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import msgspec
import structlog

from notilog import clock
from notilog.errors import Invalid, Unavailable
from notilog.realtime import topics
from notilog.realtime.messages import Encoded, Part, Shape, Wants
from notilog.realtime.newest import Newest
from notilog.realtime.protocol import Answer, Gap, Reached, encoded
from notilog.realtime.topics import Client, Place, Published

log = structlog.get_logger(__name__)

WAIT: Final = 2.0
PAUSE: Final = 0.25
LARGE: Final = 8192
"""Bytes of a message from which on it is taken apart in a thread."""


class Reader(Protocol):
    """Who has subscribed: a socket."""

    def offer(self, text: str) -> None:
        """Take a frame at once, or be closed for being too slow."""

    async def put(self, text: str) -> None:
        """Take a frame when there is room."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the stream has not any more, from where somebody left off; ``parts`` is in order."""

    place: Place
    at: datetime
    parts: AsyncIterator[Sequence[Part]]


class Subscription:
    """One socket's wish for a topic."""

    def __init__(
        self,
        reader: Reader,
        feed: "Feed",
        *,
        name: str,
        wants: Wants | None,
    ) -> None:
        self.feed = feed
        self.name = name
        self._reader = reader
        self._wants = wants
        self._opening = f'{{"type":"message","id":{msgspec.json.encode(name).decode()},'
        self._is_behind = True
        self._place = Place("", 0)
        self._gap = False

    def offer(self, message: Encoded) -> None:
        if self._is_behind or message.offset <= self._place.offset:
            return
        frame = message.frame(self._opening, self._wants)
        if frame is not None:
            self._reader.offer(frame)

    def gap(self, place: Place) -> None:
        if self._is_behind:
            self._gap = True
        else:
            self._say_gap(place)

    async def begin(self, after: Place | None) -> tuple[Place, bool]:
        """Where it begins and whether the stream has everything since ``after``.

        Raises:
            Unavailable: Redis does not answer.
        """
        recovered = False
        if after is not None and after.epoch == self.feed.place.epoch:
            # Redis knows the newest offset, which another node may have told before this one did.
            is_known = after.offset == self.feed.place.offset
            recovered = is_known or await self.feed.behind(after) is not None
        self._place = after if after is not None and recovered else self.feed.place
        if not recovered:
            self._gap = False  # it begins here, and what came before is not asked for
        return self._place, recovered

    async def catch_up(self, left: Left | None = None) -> None:
        """Give what was published behind its place, and go on with what arrives.

        What the stream has not any more comes first, if it is ``left`` elsewhere. When Redis or the
        database does not answer meanwhile, it goes on with a gap.
        """
        try:
            if left is not None:
                await self._give_left(left)
            while self._place.offset < self.feed.place.offset and not self._gap:
                await self._give_missed()
        except (Unavailable, Invalid):
            self._gap = True
        self._is_behind = False
        if self._gap:
            self._say_gap(self.feed.place)

    async def _give_left(self, left: Left) -> None:
        """Who is cut off in the middle of it begins anew: it all has the place of the beginning."""
        reached = clock.now()
        async for parts in left.parts:
            message = Encoded(self.feed.shape.topic, left.place, left.at, parts)
            frame = message.frame(self._opening, None)
            if frame is not None:
                await self._reader.put(frame)
        await self._reader.put(encoded(self._at_place(Reached, self._place, reached)))

    async def _give_missed(self) -> None:
        message = await self.feed.behind(self._place)
        if message is None:
            self._gap = True
            return
        frame = message.frame(self._opening, self._wants)
        if frame is not None:
            await self._reader.put(frame)
        self._place = Place(self._place.epoch, message.offset)

    def _say_gap(self, place: Place) -> None:
        self._place = place
        self._reader.offer(encoded(self._at_place(Gap, place, clock.now())))

    def _at_place(self, kind: type[Gap] | type[Reached], place: Place, at: datetime) -> Answer:
        topic = self.feed.shape.topic
        return kind(id=self.name, topic=topic, epoch=place.epoch, offset=place.offset, at=at)


class Feed:
    """One topic as this process reads it."""

    def __init__(self, client: Client, shape: Shape) -> None:
        self.client = client
        self.shape = shape
        self.place = Place("", 0)
        self.subscriptions: dict[Subscription, None] = {}
        self._newest = Newest()
        self._reading = asyncio.Lock()
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())

    async def started(self) -> None:
        """Wait until everything that is published from now on will be read.

        Raises:
            Unavailable: Redis does not answer.
        """
        await asyncio.shield(self._started)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def behind(self, place: Place) -> Encoded | None:
        """The message behind a place, taken apart once for all who ask; None if it is lost.

        Raises:
            Unavailable: Redis does not answer.
        """
        async with self._reading:
            message = self._newest.get(place.epoch, place.offset + 1)
            if message is None:
                news = await topics.read(self.client, self.shape.topic, place, wait=0)
                if news.lost:
                    return None
                for published in news.messages:
                    found = await self._taken_apart(published, news.place.epoch)
                    message = message or found
            return message

    async def _taken_apart(self, published: Published, epoch: str) -> Encoded:
        at, place = clock.now(), Place(epoch, published.offset)
        try:
            if len(published.payload) < LARGE:
                parts = self.shape.parts(published)
            else:
                parts = await asyncio.to_thread(self.shape.parts, published)
        except ValueError:
            log.warning("message_damaged", topic=self.shape.topic, exc_info=True)
            parts = ()
        message = Encoded(self.shape.topic, place, at, parts)
        self._newest.keep(epoch, message, size=len(published.payload))
        return message

    async def _run(self) -> None:
        try:
            self.place = await topics.start(self.client, self.shape.topic)
        except Unavailable as error:
            self._started.set_exception(error)
            self._started.exception()  # whether somebody still waits for it or not
            return
        self._started.set_result(None)
        away = False
        while True:
            try:
                away = await self._go_on(away=away)
            except Unavailable as error:
                if not away:
                    log.warning("topic_not_read", topic=self.shape.topic, reason=str(error))
                away = True
                await asyncio.sleep(PAUSE)
            except Exception:
                log.exception("topic_not_read", topic=self.shape.topic)
                away = True
                await asyncio.sleep(PAUSE)

    async def _go_on(self, *, away: bool) -> bool:
        """Read what comes next; after an outage publishers may have failed, so there is a gap."""
        wait = 0 if away else WAIT
        news = await topics.read(self.client, self.shape.topic, self.place, wait=wait)
        messages = [await self._taken_apart(one, news.place.epoch) for one in news.messages]
        if news.lost or away:
            self.place = Place(news.place.epoch, messages[0].offset - 1) if messages else news.place
            for one in tuple(self.subscriptions):
                one.gap(self.place)
        for message in messages:
            self.place = Place(news.place.epoch, message.offset)
            for one in tuple(self.subscriptions):
                one.offer(message)
        self.place = news.place
        return False


class Fanout:
    """The topics that sockets of this process have subscribed to."""

    def __init__(self, url: str) -> None:
        self.client = topics.connect(url)
        self._feeds: dict[str, Feed] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def subscriptions(self) -> dict[str, int]:
        """How many there are, by topic."""
        return {topic: len(feed.subscriptions) for topic, feed in self._feeds.items()}

    async def subscribe(
        self,
        reader: Reader,
        shape: Shape,
        *,
        name: str,
        wants: Wants | None,
    ) -> Subscription:
        """A subscription that has yet to begin.

        Raises:
            Unavailable: Redis does not answer.
        """
        feed = self._feeds.get(shape.topic)
        if feed is None:
            feed = self._feeds[shape.topic] = Feed(self.client, shape)
        subscription = Subscription(reader, feed, name=name, wants=wants)
        feed.subscriptions[subscription] = None
        try:
            await feed.started()
        except BaseException:
            self.unsubscribe(subscription)
            raise
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End it; a topic that nobody is subscribed to any more is not read any more."""
        feed = subscription.feed
        feed.subscriptions.pop(subscription, None)
        if not feed.subscriptions and self._feeds.get(feed.shape.topic) is feed:
            del self._feeds[feed.shape.topic]
            ending = asyncio.create_task(feed.end())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        feeds, self._feeds = list(self._feeds.values()), {}
        await asyncio.gather(*(feed.end() for feed in feeds), *self._ending)
        with suppress(Exception):
            await self.client.aclose()
