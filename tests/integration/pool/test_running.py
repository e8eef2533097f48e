"""A worker process holds many coroutines, ends the right ones, and stops as it is told."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery
import pytest
import redis

from notilog import settings as schema
from tests.servers import worker as servers
from tests.servers.process import wait_until
from tests.servers.worker import Events, Worker

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=["redis", "rabbitmq"])
def app(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> Iterator[celery.Celery]:
    """An app that sends through the broker in question."""
    if request.param == "rabbitmq":
        environment.setenv("NOTILOG_BROKER_URL", request.getfixturevalue("rabbitmq_url"))
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
def store(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


class Notes:
    """What the tasks noted."""

    def __init__(self, store: "redis.Redis") -> None:
        self._store = store

    def all(self) -> list[str]:
        return [str(words) for words in self._store.lrange("notes", 0, -1)]

    def wait_for(self, words: str, *, times: int = 1) -> None:
        wait_until(lambda: self.all().count(words) >= times, f"{words!r}")


@pytest.fixture
def notes(store: "redis.Redis") -> Notes:
    return Notes(store)


def send(app: celery.Celery, task: str, *args: Any, **options: Any) -> str:
    return str(app.send_task(f"pool.{task}", args=args, **options).id)


def answer(app: celery.Celery, task: str) -> Any:
    return app.send_task(f"pool.{task}", ignore_result=False).get(timeout=20)


def wait_for_event(events: Events, task_id: str, kind: str) -> None:
    wait_until(lambda: kind in events.of(task_id), f"{kind} of {task_id}")


def test_a_task_knows_its_request_and_uses_the_database(app: celery.Celery, worker: Worker) -> None:
    sent = app.send_task("pool.identity", ignore_result=False)
    assert sent.get(timeout=20) == sent.id
    assert answer(app, "database") == 42


def test_a_plain_function_runs_in_a_thread_off_the_loop(app: celery.Celery, worker: Worker) -> None:
    assert answer(app, "plain") not in ("event-loop", "MainThread")


def test_tasks_run_at_once(app: celery.Celery, worker: Worker, notes: Notes) -> None:
    for number in range(20):
        send(app, "sleep", f"t{number}", 1.0)
    wait_until(lambda: len(notes.all()) == 40, "all tasks")
    assert all(words.endswith("sleeps") for words in notes.all()[:20])


def test_no_more_run_than_the_limit_and_the_others_follow(
    app: celery.Celery, tmp_path: Path, notes: Notes
) -> None:
    with servers.worker(tmp_path, "-c", "2"):
        for number in range(6):
            send(app, "sleep", f"t{number}", 0.3)
        wait_until(lambda: len(notes.all()) == 12, "all tasks")
    at_once = most = 0
    for words in notes.all():
        at_once += 1 if words.endswith("sleeps") else -1
        most = max(most, at_once)
    assert most == 2


def test_one_of_500_long_tasks_is_terminated_and_the_others_go_on(
    app: celery.Celery, events: Events, tmp_path: Path, notes: Notes
) -> None:
    ids = [send(app, "hold", str(number)) for number in range(500)]
    wait_until(lambda: len(notes.all()) == 500, "500 long tasks")
    assert servers.active(app) == set(ids)
    assert "OK" in servers.control(tmp_path, "control", "terminate", "SIGTERM", ids[250])
    wait_for_event(events, ids[250], "task-revoked")
    notes.wait_for("250 ended by revoked")
    assert servers.active(app) == set(ids) - {ids[250]}
    assert len(notes.all()) == 501
    assert events.of(ids[250])[-1] == "task-revoked"
    assert events.count("task-revoked") == 1


def test_revoke_ends_a_running_task_that_asks_for_it_and_no_other(
    app: celery.Celery, events: Events, tmp_path: Path, notes: Notes
) -> None:
    ends, stays = send(app, "hold_until_revoked", "one"), send(app, "hold", "other")
    notes.wait_for("one holds")
    notes.wait_for("other holds")
    servers.control(tmp_path, "control", "revoke", ends, stays)
    wait_for_event(events, ends, "task-revoked")
    notes.wait_for("one ended by revoked")
    assert servers.active(app) == {stays}


def test_a_task_revoked_while_it_waits_for_a_place_never_starts(
    app: celery.Celery, tmp_path: Path, notes: Notes
) -> None:
    with servers.worker(tmp_path, "-c", "1"), servers.listening(app) as events:
        first = send(app, "hold", "first")
        notes.wait_for("first holds")
        waiting = send(app, "hold", "waiting")
        app.control.revoke(waiting, reply=True, timeout=5)
        app.control.terminate(first, reply=True, timeout=5)
        last = send(app, "sleep", "last", 0)
        wait_for_event(events, last, "task-succeeded")
    assert "waiting holds" not in notes.all()


def test_an_error_is_reported_as_failed(app: celery.Celery, events: Events) -> None:
    failed = send(app, "fail")
    wait_for_event(events, failed, "task-failed")
    assert "wrong on purpose" in str([e for e in events.seen if e["type"] == "task-failed"])


@pytest.mark.parametrize("task", ["cancel_itself", "exit"])
def test_a_task_that_ends_strangely_fails_and_takes_nothing_along(
    app: celery.Celery, events: Events, task: str
) -> None:
    wait_for_event(events, send(app, task), "task-failed")
    wait_for_event(events, send(app, "sleep", "after", 0), "task-succeeded")


def test_the_soft_limit_ends_a_task_as_failed(
    app: celery.Celery, worker: Worker, events: Events
) -> None:
    limited = send(app, "soft")
    wait_for_event(events, limited, "task-failed")
    assert "SoftTimeLimitExceeded" in str([e for e in events.seen if e["type"] == "task-failed"])
    wait_until(lambda: worker.logged("Soft time limit (0.3s) exceeded"), "the warning")


def test_the_hard_limit_does_not_wait_for_a_stubborn_task(
    app: celery.Celery, tmp_path: Path, notes: Notes
) -> None:
    with servers.worker(tmp_path, "-c", "1"), servers.listening(app) as events:
        stubborn = send(app, "hard")
        wait_for_event(events, stubborn, "task-failed")
        assert "TimeLimitExceeded" in str([e for e in events.seen if e["type"] == "task-failed"])
        notes.wait_for("stubborn, told time limit")
        wait_for_event(events, send(app, "sleep", "next", 0), "task-succeeded")
        assert events.of(stubborn).count("task-failed") == 1


def test_a_warm_shutdown_lets_short_tasks_finish_and_ends_long_ones(
    app: celery.Celery, worker: Worker, events: Events, notes: Notes
) -> None:
    short = send(app, "sleep", "short", 1.5)
    lease = send(app, "hold_until_shutdown", "lease")
    long = send(app, "hold", "long")
    for words in ("short sleeps", "lease holds", "long holds"):
        notes.wait_for(words)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=20) == 0
    assert notes.all()[3:] == ["lease ended by shutdown", "short woke", "long ended by shutdown"]
    wait_for_event(events, short, "task-succeeded")
    wait_for_event(events, lease, "task-revoked")
    wait_for_event(events, long, "task-revoked")


def test_a_cold_shutdown_ends_everything_at_once(
    app: celery.Celery, worker: Worker, notes: Notes
) -> None:
    for number in range(3):
        send(app, "hold", str(number))
        notes.wait_for(f"{number} holds")
    worker.process.send_signal(signal.SIGQUIT)
    assert worker.process.wait(timeout=10) != 0
    assert sorted(notes.all()[3:]) == [f"{number} ended by shutdown" for number in range(3)]


def test_a_late_acknowledged_task_moves_to_another_worker_on_shutdown(
    app: celery.Celery, worker: Worker, tmp_path: Path, notes: Notes
) -> None:
    send(app, "hold_late", "late")
    notes.wait_for("late holds")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=20) == 0
    with servers.worker(tmp_path, name="second"):
        notes.wait_for("late holds", times=2)


@pytest.mark.parametrize("app", ["rabbitmq"], indirect=True)
def test_a_late_acknowledged_task_moves_to_another_worker_after_a_kill(
    app: celery.Celery, worker: Worker, tmp_path: Path, notes: Notes
) -> None:
    send(app, "hold_late", "late")
    notes.wait_for("late holds")
    with servers.worker(tmp_path, name="second"):
        worker.process.kill()
        notes.wait_for("late holds", times=2)


@pytest.mark.parametrize("app", ["redis"], indirect=True)
def test_a_blocked_loop_is_told_with_the_place_where_it_stands(
    app: celery.Celery, worker: Worker
) -> None:
    send(app, "block", 4.0)
    wait_until(lambda: worker.logged("event_loop_blocked"), "the warning")
    assert worker.logged("time.sleep(seconds)")
