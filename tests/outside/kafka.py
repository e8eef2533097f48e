"""A Kafka broker: the one that librdkafka has for tests, in a process that can be stopped."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

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
