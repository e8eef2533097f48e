"""The connector of those who watch records arrive: each batch goes to the topic ``logs``."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import ClassVar, Final

import structlog
from pydantic import Field
from redis.exceptions import RedisError

from notilog import config
from notilog.config import Section
from notilog.errors import Unavailable
from notilog.logs.batch import ROWS, Batch, Message, sealed, unsealed
from notilog.logs.connectors.connector import Handed
from notilog.logs.stored import StoredRecord, records_in
from notilog.realtime import topics
from notilog.realtime.topics import Interest, Published

log = structlog.get_logger(__name__)

TOPIC: Final = "logs"
PATIENCE: Final = 1.0
"""Seconds that Redis gets for what is handed over at once: storing waits for it."""
PAUSE: Final = 2.0
"""Seconds for which a Redis that failed is left alone."""

_ENCODING: Final = "encoding"
_BATCH: Final = "batch"


class LiveSettings(Section):
    """How much of the newest is kept for those who watch and were away for a moment."""

    section: ClassVar[str] = "logs.live"

    keep: int = Field(
        256, ge=1, le=100_000, description="newest batches that Redis keeps while anybody watches"
    )


class Live:
    """Publishes the rows as they are; what Redis does not take is in the database anyway."""

    durable = False

    def __init__(self) -> None:
        self._client = topics.connect(config.current().core.redis_url.get_secret_value())
        self._interest = Interest(self._client, TOPIC)
        self._keep = config.section(LiveSettings).keep
        self._away = False
        self._not_before = 0.0

    async def take(self, batches: Sequence[Handed]) -> None:
        """Publish the batches if anybody watches; an outage of Redis is logged once."""
        if monotonic() < self._not_before:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                if await self._interest.there():
                    await self._publish(batches)
        except (Unavailable, TimeoutError) as error:
            if not self._away:
                log.warning("live_records_not_published", reason=str(error) or "no answer in time")
            self._away, self._not_before = True, monotonic() + PAUSE

    async def close(self) -> None:
        with suppress(RedisError, OSError):
            await self._client.aclose()

    async def _publish(self, batches: Sequence[Handed]) -> None:
        for message in await asyncio.to_thread(_sealed, batches):
            about = {_ENCODING: message.encoding, _BATCH: str(message.id)}
            await topics.publish(
                self._client,
                TOPIC,
                message.body,
                about=about,
                keep=self._keep,
                after_gap=self._away,
            )
            if self._away:
                log.info("live_records_published_again")
            self._away = False


def records_of(published: Published) -> list[StoredRecord]:
    """The records of a message of the topic.

    Raises:
        ValueError: it is damaged.
    """
    encoding = published.about.get(_ENCODING, "")
    rows, _ = unsealed(Message(ROWS, published.payload, encoding))
    return records_in(rows)


def _sealed(batches: Sequence[Handed]) -> list[Message]:
    return [sealed(Batch(batch.id, 0, batch.rows)) for batch in batches]
