"""Telling those who listen what has just happened, after the transaction in which it did.

Nothing fails by it: what is told is in the database anyway. A message that Redis did not take
leaves a gap, which those who listen are told of. So does one whose process was killed after the
commit: it was announced before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from redis.exceptions import RedisError
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import await_

from notilog import config
from notilog.config import Settings
from notilog.errors import Unavailable
from notilog.realtime import topics
from notilog.realtime.settings import SocketsSettings
from notilog.realtime.topics import Interest, Published

log = structlog.get_logger(__name__)

PAUSE: Final = 0.5
"""Seconds between two looks whether Redis is back."""
ANNOUNCED_WITHIN: Final = 0.5
"""Seconds that a commit may wait for Redis."""
TASK: Final = "telling"
"""How the tasks are called that tell."""
LAST_WORDS: Final = 1.0
"""Seconds in which what has been committed is told when the process stops."""
MOST_WAITING: Final = 1000
"""Tellings on their way at once; further ones leave a gap, so that an outage costs no memory."""

_TELLING: Final = "notilog_telling"


class Notice(msgspec.Struct, frozen=True):
    """Something that happened, and whom it concerns; nobody named is everybody who may listen."""

    data: Any
    to: tuple[UUID, ...] = ()


@dataclass(slots=True)
class _Told:
    """Notices of a topic, and that they were announced."""

    topic: str
    notices: "Notices | Asking"
    announced: str | None = None


class Heard(msgspec.Struct, frozen=True):
    """A notice as it is read: its data is passed on as it is."""

    data: msgspec.Raw
    to: frozenset[str] = frozenset()


Notices = Sequence[Notice]
Asking = Callable[[], Awaitable[Notices]]
"""Finds the notices, and is only asked when somebody listens."""

_heard: Final = msgspec.json.Decoder(list[Heard])
_teller: "_Teller | None" = None


def open_telling(settings: Settings) -> None:
    """Let this process tell; without it, `tell` does nothing."""
    global _teller  # noqa: PLW0603  one teller a process
    _teller = _Teller(settings.core.redis_url.get_secret_value())


async def close_telling() -> None:
    """End it; what is on its way gets a moment to be told."""
    global _teller
    teller, _teller = _teller, None
    if teller is not None:
        await teller.close()


def tell(tx: AsyncSession, topic: str, notices: Notices | Asking) -> None:
    """Tell the topic's listeners of this once the transaction has committed."""
    if _teller is None or not notices:
        return
    waiting: list[_Told] | None = tx.info.get(_TELLING)
    if waiting is None:
        waiting = tx.info[_TELLING] = []
        event.listen(tx.sync_session, "before_commit", lambda _: await_(_announce(tx)), once=True)
        event.listen(tx.sync_session, "after_commit", lambda _: _send(tx), once=True)
    waiting.append(_Told(topic, notices))


def heard(published: Published) -> list[Heard]:
    """The notices of a message.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return _heard.decode(published.payload) if published.payload else []
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


async def _announce(tx: AsyncSession) -> None:
    try:
        for topic, told in {told.topic: told for told in tx.info.get(_TELLING, ())}.items():
            if _teller is not None:
                told.announced = await _teller.announce(topic)
    except Exception:
        log.exception("not_announced")  # the transaction is not to fail by this


def _send(tx: AsyncSession) -> None:
    waiting = tx.info.pop(_TELLING, ())
    try:
        if _teller is not None:
            for told in waiting:
                _teller.send(told)
    except Exception:
        log.exception("not_told")  # the transaction has committed, and is not to fail by this


class _Teller:
    """The one of a process: tells each topic in the order in which it was asked to."""

    def __init__(self, url: str) -> None:
        self._client = topics.connect(url)
        self._topics: dict[str, _Topic] = {}

    async def announce(self, topic: str) -> str | None:
        return await self._topic(topic).announce()

    def send(self, told: "_Told") -> None:
        self._topic(told.topic).add(told)

    def _topic(self, name: str) -> "_Topic":
        if name not in self._topics:
            self._topics[name] = _Topic(self._client, name)
        return self._topics[name]

    async def close(self) -> None:
        await asyncio.gather(*(topic.close() for topic in self._topics.values()))
        with suppress(RedisError, OSError):
            await self._client.aclose()


class _Topic:
    """One topic; its task lives while there is something to tell."""

    def __init__(self, client: topics.Client, name: str) -> None:
        self._client = client
        self._name = name
        self._interest = Interest(client, name)
        self._keep = config.section(SocketsSettings).keep
        self._waiting: list[_Told] = []
        self._announced: list[str] = []
        self._gap = False
        self._task: asyncio.Task[None] | None = None

    async def announce(self) -> str | None:
        """What to publish the next message with, if anybody listens; waits for Redis no longer."""
        if self._gap:  # there will be one anyway
            return None
        try:
            async with asyncio.timeout(ANNOUNCED_WITHIN):
                if await self._interest.there():
                    return await topics.announce(self._client, self._name)
        except (Unavailable, TimeoutError) as error:
            self._lost(error)
        return None

    def add(self, told: "_Told") -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(told)
        else:
            self._gap = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell_all(), name=TASK)

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=LAST_WORDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _tell_all(self) -> None:
        while self._waiting or self._gap:
            waiting, self._waiting = self._waiting, []
            try:
                if await self._interest.there():
                    await self._publish(waiting)
                self._gap = False
            except Unavailable as error:
                self._lost(error)
                await asyncio.sleep(PAUSE)
            except Exception:
                log.exception("not_told", topic=self._name)
                self._gap = True
                await asyncio.sleep(PAUSE)

    def _lost(self, error: Exception) -> None:
        if not self._gap:
            reason = str(error) or "Redis gives no answer"
            log.warning("not_told", topic=self._name, reason=reason)
        self._gap = True

    async def _publish(self, waiting: Sequence["_Told"]) -> None:
        found: list[Notice] = []
        for told in waiting:
            found += await told.notices() if callable(told.notices) else told.notices
        self._announced += [told.announced for told in waiting if told.announced is not None]
        payload = msgspec.json.encode(found) if found else b""
        if found or self._gap:
            await topics.publish(
                self._client,
                self._name,
                payload,
                keep=self._keep,
                after_gap=self._gap,
                announced=self._announced,
            )
        elif self._announced:
            await topics.withdraw(self._client, self._name, self._announced)
        self._announced = []
