"""A Kafka broker: the one that librdkafka has for tests, in a process that can be stopped."""

import asyncio
import json
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tests.servers.process import wait_until

PROGRAM = """
import sys
from confluent_kafka import Producer
producer = Producer({"test.mock.num.brokers": 1})
(broker,) = producer.list_topics(timeout=20).brokers.values()
print(broker.port, flush=True)
sys.stdin.read()
"""
SECONDS = 20


@dataclass(frozen=True, slots=True)
class Record:
    key: str
    value: Any
    headers: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Broker:
    port: int
    process: "subprocess.Popen[str]"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def freeze(self) -> None:
        """From now on connections are held and opened, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)
        pid = self.process.pid
        wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "its freeze")

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def records(self, topic: str, *, until: Callable[[list[Record]], bool]) -> list[Record]:
        """What the topic holds, read from its beginning until it is enough."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "a reader"})
        found: list[Record] = []
        try:
            partitions = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
            consumer.assign([TopicPartition(topic, one, OFFSET_BEGINNING) for one in partitions])
            while not until(found):
                found.append(_read(consumer.poll(SECONDS)))
        finally:
            consumer.close()
        return found


@contextmanager
def broker() -> Iterator[Broker]:
    """A running broker on loopback, which makes each topic when it is first asked for it."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield Broker(int(process.stdout.readline()), process)
        finally:
            process.kill()


def _read(record: Any) -> Record:
    assert record is not None, f"nothing more in {SECONDS} seconds"
    assert record.error() is None, record.error()
    return Record(record.key().decode(), json.loads(record.value()), dict(record.headers()))


SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 17, 18, 36
AUTHENTICATION_FAILED = 58


@dataclass
class Guard:
    """A broker that asks for a password and lets nobody in."""

    address: str = ""
    told: list[bytes] = field(default_factory=list)
    """What clients said to prove who they are."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                answer = self._answer(await reader.readexactly(size))
                writer.write(struct.pack(">i", len(answer)) + answer)
        except asyncio.IncompleteReadError:
            writer.close()

    def _answer(self, request: bytes) -> bytes:
        kind, _, correlation, length = struct.unpack_from(">hhih", request)
        content = request[10 + length :]
        return struct.pack(">i", correlation) + self._content(kind, content)

    def _content(self, kind: int, content: bytes) -> bytes:
        if kind == API_VERSIONS:
            offered = ((SASL_HANDSHAKE, 1, 1), (API_VERSIONS, 0, 0), (SASL_AUTHENTICATE, 0, 0))
            return struct.pack(">hi", 0, len(offered)) + b"".join(
                struct.pack(">hhh", *one) for one in offered
            )
        if kind == SASL_HANDSHAKE:
            return struct.pack(">hih5s", 0, 1, 5, b"PLAIN")
        assert kind == SASL_AUTHENTICATE
        self.told.append(content[4:])
        return struct.pack(">hh2si", AUTHENTICATION_FAILED, 2, b"no", 0)


@asynccontextmanager
async def refusing_broker() -> AsyncIterator[Guard]:
    """A running guard on loopback."""
    guard = Guard()
    server = await asyncio.start_server(guard.converse, "127.0.0.1", 0)
    async with server:
        guard.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield guard
