"""Both ends of the intake of logs: a broker as other programs use it, and what was stored."""

from collections import Counter
from contextlib import suppress
from typing import Any

import amqp
import pika
import psycopg
import redis
from kombu.connection import Connection

from notilog.logs.batch import NAME


class Broker:
    """The broker in question, as a program that knows nothing of NotiLog's code uses it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_redis = url.startswith("redis")

    def publish(self, body: bytes, *, message_id: str | None = None) -> None:
        if self.is_redis:
            fields: dict[Any, Any] = {"json": body, **({"id": message_id} if message_id else {})}
            with redis.Redis.from_url(self.url) as client:
                client.xadd(NAME, fields)
            return
        # A client of its own, which knows neither Celery nor kombu.
        sent = pika.BasicProperties("application/json", delivery_mode=2, message_id=message_id)
        with pika.BlockingConnection(pika.URLParameters(self._for_pika)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish(NAME, "any", body, sent, mandatory=True)

    @property
    def _for_pika(self) -> str:
        """The same address, the virtual host / spelled as pika wants it."""
        return self.url.removesuffix("//") + "/%2F"

    def waiting(self) -> int:
        if self.is_redis:
            with redis.Redis.from_url(self.url) as client:
                return int(client.xlen(NAME))
        with Connection(self.url) as connection:
            declared = connection.default_channel.queue_declare(NAME, passive=True)
            return int(declared.message_count)

    def forget(self) -> None:
        """What an earlier test left."""
        if not self.is_redis:
            with Connection(self.url) as connection, suppress(amqp.exceptions.NotFound):
                connection.default_channel.queue_delete(NAME)


class Stored:
    """What is in the database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def messages(self) -> Counter[str]:
        return Counter(message for (message,) in self.rows("SELECT message FROM log_records"))

    def count(self, table: str = "log_records") -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608


def record(message: str, **fields: object) -> dict[str, object]:
    return {"level": "info", "project": "shop", "module": "cart", "message": message, **fields}
