"""While the database or RabbitMQ itself is away, records wait; afterwards each is stored once."""

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.integration.conftest import Person
from tests.integration.log_traffic import Broker, Stored, record
from tests.servers import rabbitmq
from tests.servers import worker as servers
from tests.servers.postgres import Cluster
from tests.servers.process import end, wait_until

pytestmark = pytest.mark.slow

HEARTBEAT = 3.0
SOME = 100
CONNECT = "NOTILOG_BROKER_URL"


@contextmanager
def away(cluster: Cluster, url: str) -> Iterator[None]:
    """The database lets nobody in while the block runs, and those inside are thrown out."""
    name = url.rpartition("/")[2]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(cluster.server.url, autocommit=True) as server:
        server.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            server.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def _losses(worker: servers.Worker) -> int:
    return worker.log.read_text().count("log_queue_lost")


def _has_tried(worker: servers.Worker) -> bool:
    """To store a record or, if it had just done that, to hand it on."""
    return worker.logged("log_store_postponed") or worker.logged("log_connector_not_served")


def test_a_database_away_for_longer_than_heartbeats_repeats_nothing(
    environment: pytest.MonkeyPatch,
    rabbitmq_url: str,
    cluster: Cluster,
    database_url: str,
    tmp_path: Path,
) -> None:
    broker, stored = Broker(rabbitmq_url), Stored(database_url)
    broker.forget()
    environment.setenv(CONNECT, f"{rabbitmq_url}?heartbeat={HEARTBEAT:g}")
    with servers.worker(tmp_path, "-Q", "logs") as worker:
        broker.publish(json.dumps(record("before")).encode())
        wait_until(lambda: stored.count() == 1, "storing")
        lost = _losses(worker)  # a process that starts may be silent for longer than two heartbeats
        with away(cluster, database_url):
            broker.publish(json.dumps(record("meanwhile")).encode())
            wait_until(lambda: _has_tried(worker), "the first try")
            broker.publish(json.dumps(record("behind it")).encode())
            time.sleep(3 * HEARTBEAT)  # how long it lasts is what this is about
        wait_until(lambda: stored.count() >= 3, "storing")
        wait_until(lambda: broker.waiting() == 0, "the broker's being told")
        assert _losses(worker) == lost
    assert stored.messages() == {"before": 1, "meanwhile": 1, "behind it": 1}
    assert broker.waiting() == 0


def test_a_worker_that_stops_while_the_database_is_away_gives_the_records_back(
    environment: pytest.MonkeyPatch,
    rabbitmq_url: str,
    cluster: Cluster,
    database_url: str,
    tmp_path: Path,
) -> None:
    broker, stored = Broker(rabbitmq_url), Stored(database_url)
    broker.forget()
    environment.setenv(CONNECT, rabbitmq_url)
    with away(cluster, database_url), servers.worker(tmp_path, "-Q", "logs") as worker:
        broker.publish(json.dumps(record("kept")).encode())
        wait_until(lambda: worker.logged("log_store_postponed"), "the first try")
        worker.process.terminate()
        worker.process.wait(timeout=30)
        wait_until(lambda: broker.waiting() == 1, "the message's return")
    with servers.worker(tmp_path, "-Q", "logs", name="next"):
        wait_until(lambda: stored.count() == 1, "storing")


@pytest.fixture
def node(environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[rabbitmq.Node]:
    """A RabbitMQ of this test's own, not running yet."""
    if not rabbitmq.installed():
        pytest.skip("rabbitmq-server is not installed: apt-get install rabbitmq-server")
    with rabbitmq.prepared(tmp_path / "rabbitmq") as made:
        environment.setenv(CONNECT, made.url)
        environment.setenv("NOTILOG_LOGS__PUBLISH_TIMEOUT", "2")
        yield made


@pytest.fixture
def writer(node: rabbitmq.Node, request: pytest.FixtureRequest) -> Person:
    """Somebody who sends through that node: the API starts after it is chosen."""
    person: Person = request.getfixturevalue("ann")
    return person


async def test_a_killed_rabbitmq_loses_nothing_that_was_accepted(
    writer: Person, node: rabbitmq.Node, database_url: str, tmp_path: Path
) -> None:
    stored, stopping = Stored(database_url), threading.Event()
    accepted: list[str] = []

    async def write() -> None:
        """Send one after another, each again under its key until it is accepted."""
        number = 0
        while not stopping.is_set():
            message = str(number)
            answer = await writer.api.post(
                "logs", json=record(message), headers={"Idempotency-Key": message}
            )
            assert answer.status_code in {202, 503}
            if answer.status_code == 202:
                accepted.append(message)
                number += 1

    def kill_and_restart() -> None:
        with node.running() as process, servers.worker(tmp_path, "-Q", "logs"):
            wait_until(lambda: len(accepted) >= SOME, "accepting")
            end(process, signal.SIGKILL)
            before = len(accepted)
            with node.running():
                wait_until(lambda: len(accepted) >= before + SOME, "accepting again", patience=60)
                stopping.set()
                wait_until(lambda: stored.count() >= len(accepted), "storing", patience=60)
                wait_until(lambda: Broker(node.url).waiting() == 0, "the broker's being told")

    writing = asyncio.create_task(write())
    try:
        await asyncio.to_thread(kill_and_restart)
    finally:
        stopping.set()
        await writing
    assert stored.messages() == dict.fromkeys(accepted, 1)
