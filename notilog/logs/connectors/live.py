"""The connector of those who watch records arrive: each batch goes to the topic ``logs``."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar, Final

import structlog
from pydantic import Field
from redis.exceptions import RedisError

from notilog import config
from notilog.config import Section
from notilog.errors import Unavailable
from notilog.logs.batch import ROWS, Batch, Message, sealed, unsealed
from notilog.logs.connectors.connector import Handed, Kind
from notilog.logs.stored import StoredRecord, records_in
from notilog.realtime import topics
from notilog.realtime.topics import Interest, Published

log = structlog.get_logger(__name__)

TOPIC: Final = "logs"
PATIENCE: Final = 1.0
"""Seconds that Redis gets for what is handed over at once: storing waits for it."""
PAUSE: Final = 0.5
"""Seconds between two looks whether Redis is back."""

_ENCODING: Final = "encoding"


class LiveSettings(Section):
    """How much of the newest is kept for those who watch and were away for a moment."""

    section: ClassVar[str] = "logs.live"

    keep: int = Field(
        256, ge=1, le=100_000, description="newest batches that Redis keeps while anybody watches"
    )


class Live:
    """Publishes the rows as they are; what Redis does not take is in the database anyway."""

    def __init__(self) -> None:
        self._client = topics.connect(config.current().core.redis_url.get_secret_value())
        self._interest = Interest(self._client, TOPIC)
        self._keep = config.section(LiveSettings).keep
        self._mending: asyncio.Task[None] | None = None

    async def take(self, batches: Sequence[Handed]) -> None:
        """Publish the batches if anybody watches; an outage of Redis is logged once."""
        if self._mending is not None:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                if await self._interest.there():
                    await self._publish(batches)
        except (Unavailable, TimeoutError) as error:
            if self._mending is None:
                log.warning("live_records_not_published", reason=str(error) or "no answer in time")
                self._mending = asyncio.create_task(self._mend())

    async def close(self) -> None:
        if self._mending is not None:
            self._mending.cancel()
        with suppress(RedisError, OSError):
            await self._client.aclose()

    async def _publish(self, batches: Sequence[Handed]) -> None:
        for message in await asyncio.to_thread(_sealed, batches):
            await topics.publish(
                self._client,
                TOPIC,
                message.body,
                about={_ENCODING: message.encoding},
                keep=self._keep,
            )

    async def _mend(self) -> None:
        """Wait for Redis, and leave a gap: who watches finds in the database what is missing."""
        while True:
            await asyncio.sleep(PAUSE)
            with suppress(Unavailable):
                if await self._interest.there():
                    await topics.publish(self._client, TOPIC, b"", keep=self._keep, after_gap=True)
                break
        self._mending = None
        log.info("live_records_published_again")


def records_of(published: Published) -> list[StoredRecord]:
    """The records of a message of the topic.

    Raises:
        ValueError: it is damaged.
    """
    if not published.payload:
        return []
    encoding = published.about.get(_ENCODING, "")
    rows, _ = unsealed(Message(ROWS, published.payload, encoding))
    return records_in(rows)


def _sealed(batches: Sequence[Handed]) -> list[Message]:
    return [sealed(Batch(batch.id, 0, batch.rows)) for batch in batches]


KIND: Final = Kind("Those who watch records arrive", LiveSettings, Live)
