"""A Redis server of our own for the whole run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from notilog.ops.embedded import Redis, prepare_redis
from tests.servers.process import running, wait_until


@contextmanager
def server(home: Path) -> Iterator[Redis]:
    prepared = prepare_redis(home)
    with (
        running(prepared.program, home / "server.log"),
        redis.Redis.from_url(prepared.url) as client,
    ):
        wait_until(lambda: _answers(client), "Redis's start")
        yield prepared


def _answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
