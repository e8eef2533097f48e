"""The intake of logs on RabbitMQ: consumers of the queue, each with a thread and a connection.

The connection belongs to its thread (py-amqp is not thread-safe); storing happens on the worker's
loop, and the acknowledgement back in the thread.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer
from kombu.transport.base import Message as Delivered

from notilog import config
from notilog.logs.batch import ACCEPTED_MS, EXCHANGE, QUEUE, ROWS, ROWS_ALONE, Message, named
from notilog.logs.limits import LogsSettings
from workers import runtime
from workers.log_stream import Commit

log = structlog.get_logger(__name__)

GROUP_BYTES = 4 * 1024 * 1024
MOST_BYTES = 64 * 1024 * 1024
"""Of messages that one lane has, whatever the prefetch."""
WAIT = 1.0
HEARTBEAT = 30.0
CONNECT_TIMEOUT = 5.0
RECONNECT_PAUSE = 0.5
STOP_PATIENCE = 5.0
GRACE = 2.5
"""Seconds that a group being stored still gets when the worker stops."""


class QueueIntake:
    """Several consumers, so that one reads and unpacks while PostgreSQL works for another."""

    def __init__(self, broker: str, *, lanes: int, commit: Commit) -> None:
        self._stopping = threading.Event()
        consumers = [_Lane(broker, commit, self._stopping) for _ in range(lanes)]
        self._threads = [
            threading.Thread(target=consumer.run, name="log-queue", daemon=True)
            for consumer in consumers
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the groups being stored; what is not finished in time goes back to the queue."""
        self._stopping.set()
        deadline = monotonic() + STOP_PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))


class _Lane:
    def __init__(self, broker: str, commit: Commit, stopping: threading.Event) -> None:
        self._broker = broker
        self._commit = commit
        self._stopping = stopping
        self._arrived: list[Delivered] = []
        self._bytes = 0
        self._gather_until = 0.0

    def run(self) -> None:
        while not self._stopping.is_set():
            connection = Connection(
                self._broker, heartbeat=HEARTBEAT, connect_timeout=CONNECT_TIMEOUT
            )
            try:
                self._serve(connection)
            except (*connection.connection_errors, *connection.channel_errors) as error:
                log.warning("log_queue_lost", reason=str(error))
            except Exception:
                log.exception("log_queue_failed")
            finally:
                with suppress(Exception):  # it is lost anyway, and replaced
                    connection.release()
            self._stopping.wait(RECONNECT_PAUSE)

    def _serve(self, connection: Connection) -> None:
        self._arrived.clear()
        self._bytes = 0
        limits = config.section(LogsSettings)
        channel = connection.default_channel
        queue = Queue(exchange=Exchange(**EXCHANGE), **QUEUE)
        queue(channel).declare()
        prefetch = limits.queue_prefetch
        most = -(-prefetch // 2)  # the other half arrives meanwhile
        with Consumer(channel, [queue], on_message=self._take, prefetch_count=prefetch):
            while not self._stopping.is_set():
                self._gather(connection, most=most)
                if self._arrived:
                    self._store(connection, most=most)
                    self._gather_until = monotonic() + limits.gather_ms / 1000

    def _take(self, delivered: Delivered) -> None:
        self._arrived.append(delivered)
        self._bytes += len(delivered.body)

    def _gather(self, connection: Connection, *, most: int) -> None:
        """Wait for a message, then take what is there already.

        One by itself is stored at once; just after some were stored, the next ones come together.
        """
        connection.heartbeat_check()
        with suppress(TimeoutError):
            while len(self._arrived) < most and self._bytes < GROUP_BYTES:
                left = self._gather_until - monotonic()
                connection.drain_events(timeout=max(0.0, left) if self._arrived else WAIT)

    def _store(self, connection: Connection, *, most: int) -> None:
        taken = self._first(most)
        messages = [_message(delivered) for delivered in taken]
        ended = threading.Event()
        storing = runtime.submit(_begun(self._commit(messages), ended)).result()
        try:
            self._await(ended, connection)
        finally:
            # The broker gives the group to another as soon as this connection is gone: it must
            # not be stored here as well.
            runtime.call(storing.cancel)
            while not ended.wait(WAIT) and not self._stopping.is_set():
                log.warning("log_store_not_ended")
        if storing.done() and not storing.cancelled():
            storing.result()
            connection.default_channel.basic_ack(taken[-1].delivery_tag, multiple=True)
            del self._arrived[: len(taken)]
            self._bytes = sum(len(message.body) for message in self._arrived)

    def _first(self, most: int) -> list[Delivered]:
        """What is stored at once: more may have come while the database was away."""
        size = 0
        for number, delivered in enumerate(self._arrived[:most]):
            size += len(delivered.body)
            if size > GROUP_BYTES:
                return self._arrived[: max(1, number)]
        return self._arrived[:most]

    def _await(self, ended: threading.Event, connection: Connection) -> None:
        """Wait for the end of storing, and take meanwhile what the broker sends.

        Its heartbeats stand behind the messages; the prefetch bounds how many those are. Beyond so
        many bytes the rest stays where it is, though the connection may be lost by that.
        """
        while not ended.wait(WAIT):
            if self._stopping.is_set():
                ended.wait(GRACE)
                return
            connection.heartbeat_check()
            with suppress(TimeoutError):
                while self._bytes < MOST_BYTES:
                    connection.drain_events(timeout=0)


async def _begun(storing: Coroutine[Any, Any, None], ended: threading.Event) -> asyncio.Task[None]:
    """A task that can be cancelled and whose real end can be waited for, from any thread.

    A future of another thread is done as soon as it is cancelled, whatever its coroutine does.
    """
    task = asyncio.create_task(storing)
    task.add_done_callback(lambda _: ended.set())
    return task


def _message(delivered: Delivered) -> Message:
    """Our own message, or JSON that another program published."""
    content_type = delivered.content_type or ""
    records = delivered.headers.get("records")
    return Message(
        type=content_type,
        body=delivered.body or b"",  # an empty one is text to py-amqp
        encoding=delivered.content_encoding or "",
        id=_batch_id(
            delivered.properties.get("message_id"), own=content_type in {ROWS, ROWS_ALONE}
        ),
        records=records if isinstance(records, int) else 0,
        again=bool(delivered.delivery_info.get("redelivered")),
        accepted_at=_accepted_at(delivered),
    )


def _accepted_at(delivered: Delivered) -> datetime | None:
    """When the API gave the message to the broker; other programs do not say."""
    milliseconds = delivered.headers.get(ACCEPTED_MS)
    if not isinstance(milliseconds, int):
        return None
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return None


def _batch_id(given: str | None, *, own: bool) -> UUID | None:
    if not given:
        return None
    if own:
        with suppress(ValueError):
            return UUID(given)
    return named("amqp", given)
