"""A worker process on either broker, an app that sends to it, and what its tasks noted."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import celery
import pytest
import redis

from notilog import settings as schema
from tests.servers import worker as servers
from tests.servers.process import wait_until
from tests.servers.worker import Events, Worker


@dataclass(frozen=True, slots=True)
class Notes:
    """What the tasks noted, in order."""

    store: "redis.Redis"

    def all(self) -> list[str]:
        return [str(words) for words in self.store.lrange("notes", 0, -1)]

    def wait_for(self, words: str, *, times: int = 1) -> None:
        wait_until(lambda: self.all().count(words) >= times, f"{words!r}")


@pytest.fixture
def broker() -> str:
    """The broker in question; tests that matter for both parametrise this."""
    return "redis"


@pytest.fixture
def app(
    broker: str, request: pytest.FixtureRequest, environment: pytest.MonkeyPatch
) -> Iterator[celery.Celery]:
    """An app that sends through the broker in question, to workers that stop in a hurry."""
    if broker == "rabbitmq":
        environment.setenv("NOTILOG_BROKER_URL", request.getfixturevalue("rabbitmq_url"))
    environment.setenv("NOTILOG_WORKER__SHUTDOWN_GRACE", "1")
    schema.load()
    made = servers.sender()
    yield made
    made.close()


@pytest.fixture
def worker(app: celery.Celery, tmp_path: Path) -> Iterator[Worker]:
    with servers.worker(tmp_path) as made:
        yield made


@pytest.fixture
def events(worker: Worker, app: celery.Celery) -> Iterator[Events]:
    with servers.listening(app) as seen:
        yield seen


@pytest.fixture
def notes(redis_url: str) -> Iterator[Notes]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield Notes(client)
