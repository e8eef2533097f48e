"""Marks among the batches of logs, by which is known how far the workers have come."""

import asyncio
from urllib.parse import urlsplit

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Producer

from notilog import clock
from notilog.logs import stream
from notilog.logs.batch import ACCEPTED_MS, EXCHANGE, MARK, NAME, QUEUE, Message
from workers.log_queue import CONNECT_TIMEOUT


async def send_mark(broker: str) -> None:
    """Put a mark behind all that waits to be stored.

    Raises:
        RedisError, OSError, AMQPError: the broker does not take it; the next one will do.
    """
    if urlsplit(broker).scheme.startswith("redis"):
        client = stream.connect(broker)
        try:
            await stream.add(client, Message(MARK, b""))
        finally:
            await client.aclose()
    else:
        async with asyncio.timeout(2 * CONNECT_TIMEOUT):
            await asyncio.to_thread(_publish, broker)


def _publish(broker: str) -> None:
    with Connection(broker, connect_timeout=CONNECT_TIMEOUT) as connection:
        queue = Queue(exchange=Exchange(**EXCHANGE), **QUEUE)(connection.default_channel)
        queue.declare()
        Producer(connection.default_channel, queue.exchange).publish(
            b"",
            routing_key=NAME,
            content_type=MARK,
            content_encoding="binary",
            headers={ACCEPTED_MS: int(clock.now().timestamp() * 1000)},
        )
