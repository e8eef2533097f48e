"""Handing log batches to the broker; an answer of 202 means that `publish` returned.

On Redis a batch is an entry of the stream, on RabbitMQ a persistent message that the broker has
confirmed. When too many wait to be stored, new ones are refused rather than old ones dropped.
"""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import monotonic, time_ns
from typing import Annotated, Protocol
from urllib.parse import urlsplit

from amqp.exceptions import AMQPError, MessageNacked
from fastapi import Depends, Request
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Producer
from redis.exceptions import RedisError

from notilog.config import Settings
from notilog.errors import Unavailable
from notilog.logs import stream
from notilog.logs.batch import ACCEPTED_MS, EXCHANGE, NAME, QUEUE, Message
from notilog.logs.limits import LogsSettings

THREADS = 4
COUNT_EVERY = 1.0
PERSISTENT = 2


class LogPublisher(Protocol):
    """The way to one kind of broker."""

    async def publish(self, message: Message) -> None:
        """Return once the broker has the message durably.

        Raises:
            Unavailable: it did not say so in time, or too much waits to be stored already.
        """

    async def close(self) -> None: ...


def open_log_publisher(settings: Settings) -> LogPublisher:
    """The publisher for the broker that the settings name; it connects when it is first used."""
    limits = settings.section(LogsSettings)
    if urlsplit(settings.core.broker).scheme.startswith("redis"):
        return StreamPublisher(settings.core.broker, limits)
    return QueuePublisher(settings.core.broker, limits)


async def _of_app(request: Request) -> LogPublisher:
    publisher: LogPublisher = request.app.state.log_publisher
    return publisher


ToBroker = Annotated[LogPublisher, Depends(_of_app)]


class StreamPublisher:
    """Publishes to the stream on Redis."""

    def __init__(self, broker: str, limits: LogsSettings) -> None:
        self._client = stream.connect(broker)
        self._limits = limits
        self._waiting = 0

    async def publish(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._limits.publish_timeout):
                if self._waiting >= self._limits.backlog_batches:
                    self._waiting = await stream.waiting(self._client)
                _refuse_overflow(self._waiting, self._limits)
                self._waiting = await stream.add(self._client, message)
        except (RedisError, TimeoutError, OSError) as error:
            raise Unavailable("the broker did not take the batch; send it again") from error

    async def close(self) -> None:
        await self._client.aclose()


class QueuePublisher:
    """Publishes to RabbitMQ's exchange from a few threads, each with a connection of its own."""

    def __init__(self, broker: str, limits: LogsSettings) -> None:
        self._limits = limits
        self._lines = _Lines(broker, limits)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="log-publisher")

    async def publish(self, message: Message) -> None:
        loop = asyncio.get_running_loop()
        sending = loop.run_in_executor(self._threads, self._lines.send, message)
        try:
            async with asyncio.timeout(self._limits.publish_timeout):
                await sending
        except (AMQPError, MessageNacked, TimeoutError, OSError) as error:
            raise Unavailable("the broker did not take the batch; send it again") from error

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._lines.close()


class _Line:
    """One connection, made and used by one thread."""

    def __init__(self, broker: str, limits: LogsSettings) -> None:
        self._limits = limits
        self._connection = Connection(
            broker,
            connect_timeout=limits.publish_timeout,
            transport_options={"confirm_publish": True},
        )
        queue = Queue(exchange=Exchange(**EXCHANGE), **QUEUE)
        self._queue = queue(self._connection.default_channel)
        self._queue.declare()
        self._producer = Producer(self._connection.default_channel, self._queue.exchange)
        self._waiting = 0
        self._counted_at = 0.0

    def send(self, message: Message) -> None:
        if monotonic() - self._counted_at > COUNT_EVERY:
            self._waiting = self._queue.queue_declare(passive=True).message_count
            self._counted_at = monotonic()
        _refuse_overflow(self._waiting, self._limits)
        self._producer.publish(
            message.body,
            routing_key=NAME,
            delivery_mode=PERSISTENT,
            mandatory=True,
            content_type=message.type,
            content_encoding=message.encoding or "binary",
            headers={"records": message.records, ACCEPTED_MS: time_ns() // 1_000_000},
            message_id=str(message.id),
            confirm_timeout=self._limits.publish_timeout,
        )

    def close(self) -> None:
        with suppress(AMQPError, OSError):
            self._connection.release()


class _Lines:
    """The lines of all threads. One that broke is replaced, and the message is sent once more."""

    def __init__(self, broker: str, limits: LogsSettings) -> None:
        self._broker = broker
        self._limits = limits
        self._of_thread = threading.local()
        self._open: set[_Line] = set()

    def send(self, message: Message) -> None:
        had_one = hasattr(self._of_thread, "line")
        try:
            with self._line() as line:
                line.send(message)
        except (AMQPError, OSError):
            if not had_one:
                raise
            # Most likely the broker was restarted since; the batch's id makes sending twice safe.
            with self._line() as line:
                line.send(message)

    def close(self) -> None:
        for line in list(self._open):
            line.close()

    @contextmanager
    def _line(self) -> Iterator[_Line]:
        if not hasattr(self._of_thread, "line"):
            self._of_thread.line = _Line(self._broker, self._limits)
            self._open.add(self._of_thread.line)
        line = self._of_thread.line
        try:
            yield line
        except (AMQPError, OSError):
            del self._of_thread.line
            self._open.discard(line)
            line.close()
            raise


def _refuse_overflow(waiting: int, limits: LogsSettings) -> None:
    if waiting >= limits.backlog_batches:
        raise Unavailable(f"{waiting} log batches wait to be stored; send this one later")
