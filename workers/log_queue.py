"""The intake of logs on RabbitMQ: consumers of the queue, each with a thread and a connection.

The connection belongs to its thread (py-amqp is not thread-safe); storing happens on the worker's
loop, and the acknowledgement back in the thread.
"""

import threading
from contextlib import suppress
from uuid import UUID

import structlog
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer
from kombu.transport.base import Message as Delivered

from notilog.logs.batch import NAME, QUEUE_ARGUMENTS, ROWS, Message, named
from workers import runtime
from workers.log_stream import Commit

log = structlog.get_logger(__name__)

PREFETCH = 250
GROUP_BYTES = 4 * 1024 * 1024
WAIT = 1.0
HEARTBEAT = 30.0
CONNECT_TIMEOUT = 5.0
RECONNECT_PAUSE = 0.5
STOP_PATIENCE = 5.0


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
        for thread in self._threads:
            thread.join(STOP_PATIENCE)


class _Lane:
    def __init__(self, broker: str, commit: Commit, stopping: threading.Event) -> None:
        self._broker = broker
        self._commit = commit
        self._stopping = stopping
        self._arrived: list[Delivered] = []

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
        channel = connection.default_channel
        queue = intake_queue()
        queue(channel).declare()
        with Consumer(channel, [queue], on_message=self._arrived.append, prefetch_count=PREFETCH):
            while not self._stopping.is_set():
                self._gather(connection)
                if self._arrived:
                    self._store(connection)

    def _gather(self, connection: Connection) -> None:
        """Wait for a message, then take what is there already."""
        connection.heartbeat_check()
        wait = WAIT
        with suppress(TimeoutError):
            while sum(len(message.body) for message in self._arrived) < GROUP_BYTES:
                connection.drain_events(timeout=wait)
                wait = 0

    def _store(self, connection: Connection) -> None:
        messages = [_message(delivered) for delivered in self._arrived]
        storing = runtime.submit(self._commit(messages, hold=_hold))
        while True:
            try:
                storing.result(WAIT)
                break
            except TimeoutError:
                connection.heartbeat_check()
        connection.default_channel.basic_ack(self._arrived[-1].delivery_tag, multiple=True)
        self._arrived.clear()


async def _hold() -> None:
    """The connection itself holds what is not acknowledged, by its heartbeats."""


def intake_queue() -> Queue:
    exchange = Exchange(NAME, type="topic", durable=True)
    return Queue(
        NAME, exchange, routing_key="#", durable=True, queue_arguments=dict(QUEUE_ARGUMENTS)
    )


def _message(delivered: Delivered) -> Message:
    """Our own message, or JSON that another program published."""
    content_type = delivered.content_type or ""
    records = delivered.headers.get("records")
    return Message(
        type=content_type,
        body=delivered.body or b"",  # an empty one is text to py-amqp
        encoding=delivered.content_encoding or "",
        id=_batch_id(delivered.properties.get("message_id"), own=content_type == ROWS),
        records=records if isinstance(records, int) else 0,
    )


def _batch_id(given: str | None, *, own: bool) -> UUID | None:
    if not given:
        return None
    if own:
        with suppress(ValueError):
            return UUID(given)
    return named("amqp", given)
