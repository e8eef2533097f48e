"""Since when records wait in the broker to be stored."""

import asyncio
from datetime import datetime
from urllib.parse import urlsplit

from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from notilog.logs import stream
from notilog.logs.batch import EXCHANGE, QUEUE
from workers.log_queue import CONNECT_TIMEOUT, accepted_at


async def oldest_waiting(broker: str) -> datetime | None:
    """When the broker took the oldest batch that is not stored and handed on; None without any.

    Raises:
        RedisError, OSError, AMQPError: the broker does not answer.
    """
    if urlsplit(broker).scheme.startswith("redis"):
        client = stream.connect(broker)
        try:
            return await stream.oldest(client)
        finally:
            await client.aclose()
    return await asyncio.to_thread(_first_in_queue, broker)


def _first_in_queue(broker: str) -> datetime | None:
    """The first message is looked at and put back into its place."""
    with Connection(broker, connect_timeout=CONNECT_TIMEOUT) as connection:
        queue = Queue(exchange=Exchange(**EXCHANGE), **QUEUE)(connection.default_channel)
        queue.declare()
        first = queue.get()
        if first is None:
            return None
        first.requeue()
        return accepted_at(first)
