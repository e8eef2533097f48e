"""Real workers: each observer runs exactly once, whatever happens to workers, tasks and brokers."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import celery
import pytest
import redis

from notilog import settings as schema
from notilog.ops.embedded import Program
from tests.integration.conftest import Person
from tests.integration.observers.at_work import (
    INTERVAL,
    LEASE,
    Known,
    Probed,
    site,
    wait_ticking,
)
from tests.servers import redis as redis_server
from tests.servers import worker as servers
from tests.servers.process import running, wait_until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def probed() -> Iterator[Probed]:
    with site() as made:
        yield made


@pytest.fixture
def app(environment: pytest.MonkeyPatch) -> Iterator[celery.Celery]:
    environment.setenv("NOTILOG_OBSERVERS__LEASE_SECONDS", str(LEASE))
    environment.setenv("NOTILOG_OBSERVERS__ALLOW_PRIVATE", "true")
    environment.setenv("NOTILOG_OBSERVERS__FIRST_PAUSE", "0.1")
    environment.setenv("NOTILOG_WORKER__SHUTDOWN_GRACE", "1")
    schema.load()
    made = servers.sender()
    yield made
    made.close()


@pytest.fixture
def known(database_url: str) -> Known:
    return Known(database_url)


async def make(admin: Person, probed: Probed, name: str = "site") -> str:
    env = {"url": f"{probed.url}{name}", "interval": INTERVAL}
    body = {"name": name, "kind": "http_probe", "env": env}
    answer = await admin.api.post("observers", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_an_observer_moves_on_from_worker_to_worker(
    app: celery.Celery, admin: Person, probed: Probed, known: Known, tmp_path: Path
) -> None:
    one = await make(admin, probed)
    with ExitStack() as stack:
        first = stack.enter_context(servers.worker(tmp_path, name="first"))
        await asyncio.to_thread(wait_until, known.is_in("running", one, worker="first"), "running")
        await asyncio.to_thread(wait_until, probed.is_asked_again(), "the probe")
        second = stack.enter_context(servers.worker(tmp_path, name="second"))
        # A message that comes twice finds the lease taken.
        for _ in range(3):
            app.send_task("observers.run", args=[one])
        first.process.kill()
        await asyncio.to_thread(
            wait_ticking, app, known.is_in("running", one, worker="second"), "the take-over"
        )
        assert known.row(one)["restarts"] == 1
        # One that stands still for longer than its lease writes nothing more.
        second.process.send_signal(signal.SIGSTOP)
        third = stack.enter_context(servers.worker(tmp_path, name="third"))
        await asyncio.to_thread(
            wait_ticking, app, known.is_in("running", one, worker="third"), "the take-over"
        )
        fence = max(known.fences())
        taken_over = len(known.records())
        second.process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(
            wait_until, lambda: second.logged("lease_lost"), "the heart of the second"
        )
        await asyncio.to_thread(
            wait_until, lambda: second.logged("observer_fenced"), "the end of the second's run"
        )
        await asyncio.to_thread(wait_until, probed.is_asked_again(), "the probe")
        assert known.row(one)["worker"].startswith("third")
        assert max(known.fences()) == fence
        # A worker that stops hands over at once, without waiting for the lease or for beat.
        third.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(
            wait_until, known.is_in("running", one, worker="second"), "the hand-over"
        )
        row = known.row(one)
        assert (row["desired"], row["restarts"]) == ("running", 2)
    found = known.records()
    # Two that write would now and then write shortly after one another.
    at = [ts for ts, _ in found[taken_over:]]
    assert all((later - ts).total_seconds() > INTERVAL / 2 for ts, later in pairwise(at))
    assert {message.partition(":")[0] for _, message in found} == {"site"}


async def test_observers_are_stopped_by_whoever_may(
    app: celery.Celery, admin: Person, probed: Probed, known: Known, tmp_path: Path
) -> None:
    ids = [await make(admin, probed, name) for name in ("rest", "terminate", "revoke", "stays")]
    rest, terminated, revoked, stays = ids
    with servers.worker(tmp_path), servers.listening(app) as events:
        await asyncio.to_thread(wait_until, known.is_in("running", *ids), "running")
        tasks = {one: known.row(one)["task_id"] for one in ids}

        answer = await admin.api.post(f"observers/{rest}/stop")
        assert answer.json()["desired"] == "stopped"
        await asyncio.to_thread(wait_until, known.is_in("stopped", rest), "the stop over REST")
        assert known.row(rest)["changed_by"] == "admin"

        servers.control(tmp_path, "control", "terminate", "SIGTERM", tasks[terminated])
        await asyncio.to_thread(wait_until, known.is_in("stopped", terminated), "control terminate")
        servers.control(tmp_path, "control", "revoke", tasks[revoked])
        await asyncio.to_thread(wait_until, known.is_in("stopped", revoked), "control revoke")
        for one in (terminated, revoked):
            row = known.row(one)
            assert (row["desired"], row["changed_by"]) == ("stopped", "celery control")
            await asyncio.to_thread(events.wait_for, "task-revoked", tasks[one])

        await asyncio.to_thread(wait_ticking, app, probed.is_asked_again(), "the one that stays")
        assert known.is_in("running", stays)()
        assert known.is_in("stopped", rest, terminated, revoked)()

        answer = await admin.api.post(f"observers/{revoked}/start")
        assert answer.json()["desired"] == "running"
        await asyncio.to_thread(wait_until, known.is_in("running", revoked), "the start")
        answer = await admin.api.patch(
            f"observers/{stays}", json={"env": {"url": f"{probed.url}other"}}
        )
        assert answer.status_code == 200, answer.text
        other = f"{probed.url}other"
        await asyncio.to_thread(wait_until, lambda: other in known.urls(), "the changed env")
        last = known.row(stays)["task_id"]
        assert (await admin.api.post("delete", json={"id": stays})).json() is True
        assert (await admin.api.post("delite", json={"id": stays})).json() is False
        await asyncio.to_thread(events.wait_for, "task-revoked", last)


async def test_two_beats_and_an_emptied_broker_start_nothing_twice(
    environment: pytest.MonkeyPatch, admin: Person, probed: Probed, known: Known, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_OBSERVERS__LEASE_SECONDS", str(LEASE))
    environment.setenv("NOTILOG_OBSERVERS__ALLOW_PRIVATE", "true")
    beat = Program((*servers.CELERY, "beat"))
    with ExitStack() as stack:
        with redis_server.server(tmp_path / "broker") as broker:
            environment.setenv("NOTILOG_BROKER_URL", broker.url)
            schema.load()
            for number in range(2):
                log = tmp_path / f"beat{number}.log"
                stack.enter_context(running(beat, log, cwd=tmp_path, env=servers.environment()))
            workers = [
                stack.enter_context(servers.worker(tmp_path, name=f"worker{number}"))
                for number in range(2)
            ]
            one = await make(admin, probed)
            await asyncio.to_thread(wait_until, known.is_in("running", one), "running")
            with redis.Redis.from_url(broker.url) as client:
                client.flushall()
        lost = "onnection to broker lost"
        await asyncio.to_thread(
            wait_until, lambda: all(worker.logged(lost) for worker in workers), "the loss"
        )
        await asyncio.to_thread(wait_until, probed.is_asked_again(), "the probe without a broker")
        stack.enter_context(redis_server.server(tmp_path / "broker"))
        two = await make(admin, probed, "second")
        await asyncio.to_thread(wait_until, known.is_in("running", one, two), "both running")
        assert known.fences() == [1, 1]
        assert [known.row(each)["restarts"] for each in (one, two)] == [0, 0]
