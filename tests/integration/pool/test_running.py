"""A worker process holds many coroutines, and ends the right ones for the right reasons."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import celery
import pytest

from notilog import settings as schema
from tests.integration.pool.conftest import Notes
from tests.servers import redis as redis_server
from tests.servers import worker as servers
from tests.servers.process import wait_until
from tests.servers.worker import Events, Worker, send

both_brokers = pytest.mark.parametrize("broker", ["redis", "rabbitmq"])


def answer(app: celery.Celery, task: str, *args: Any) -> Any:
    return app.send_task(f"pool.{task}", args=args, ignore_result=False).get(timeout=20)


def test_a_task_knows_its_request_and_uses_the_database(app: celery.Celery, worker: Worker) -> None:
    sent = app.send_task("pool.identity", ignore_result=False)
    assert sent.get(timeout=20) == sent.id
    assert answer(app, "database") == 42


def test_a_plain_function_runs_in_a_thread_off_the_loop(app: celery.Celery, worker: Worker) -> None:
    assert answer(app, "plain") not in ("event-loop", "MainThread")


@both_brokers
def test_what_a_transaction_wakes_is_run(app: celery.Celery, worker: Worker, notes: Notes) -> None:
    send(app, "wake", "woken")
    notes.wait_for("woken woke")


@both_brokers
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


def test_the_limit_grows_and_shrinks_on_demand(
    app: celery.Celery, tmp_path: Path, notes: Notes
) -> None:
    with servers.worker(tmp_path, "-c", "1"):
        first, second, third = (send(app, "hold", name) for name in ("first", "second", "third"))
        notes.wait_for("first holds")
        app.control.pool_grow(1)
        notes.wait_for("second holds")
        assert servers.active(app) == {first, second}
        app.control.pool_shrink(1)
        app.control.terminate(first)
        notes.wait_for("first ended by revoked")
        assert servers.active(app) == {second}
        app.control.terminate(second)
        notes.wait_for("third holds")
        assert servers.active(app) == {third}


def test_tasks_and_the_limit_outlive_a_restart_of_the_broker(
    environment: pytest.MonkeyPatch, tmp_path: Path, notes: Notes
) -> None:
    with ExitStack() as stack:
        with redis_server.server(tmp_path / "broker") as broker:
            environment.setenv("NOTILOG_BROKER_URL", broker.url)
            schema.load()
            app = stack.enter_context(servers.sender())
            worker = stack.enter_context(servers.worker(tmp_path, "-c", "1"))
            holding = send(app, "hold", "holding")
            notes.wait_for("holding holds")
        wait_until(lambda: worker.logged("onnection to broker lost"), "the loss")
        stack.enter_context(redis_server.server(tmp_path / "broker"))
        wait_until(lambda: servers.active(app) == {holding}, "the worker's return")
        last = send(app, "sleep", "last", 0)
        events = stack.enter_context(servers.listening(app))
        app.control.terminate(holding)
        events.wait_for("task-revoked", holding)
        events.wait_for("task-succeeded", last)
        assert notes.all() == [
            "holding holds",
            "holding ended by revoked",
            "last sleeps",
            "last woke",
        ]


def test_one_of_500_long_tasks_is_terminated_and_the_others_go_on(
    app: celery.Celery, events: Events, tmp_path: Path, notes: Notes
) -> None:
    ids = [send(app, "hold", str(number)) for number in range(500)]
    wait_until(lambda: len(notes.all()) == 500, "500 long tasks")
    assert servers.active(app) == set(ids)
    assert "OK" in servers.control(tmp_path, "control", "terminate", "SIGTERM", ids[250])
    events.wait_for("task-revoked", ids[250])
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
    events.wait_for("task-revoked", ends)
    notes.wait_for("one ended by revoked")
    assert servers.active(app) == {stays}


@both_brokers
def test_a_task_revoked_while_it_waits_for_a_place_never_starts(
    app: celery.Celery, tmp_path: Path, notes: Notes
) -> None:
    with servers.worker(tmp_path, "-c", "1"), servers.listening(app) as events:
        first = send(app, "hold", "first")
        notes.wait_for("first holds")
        waiting = send(app, "hold", "waiting")
        app.control.revoke(waiting, reply=True, limit=1, timeout=5)
        app.control.terminate(first, reply=True, limit=1, timeout=5)
        events.wait_for("task-succeeded", send(app, "sleep", "last", 0))
    assert "waiting holds" not in notes.all()


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("fail", "ValueError('wrong on purpose')"),
        ("cancel_itself", "CancelledFromWithin"),
        ("leave", "Worker exited prematurely: exitcode 3"),
        ("soft", "Soft time limit (0.3s) exceeded"),
    ],
)
def test_a_task_that_ends_badly_is_reported_as_failed_and_takes_nothing_along(
    worker: Worker, events: Events, task: str, reason: str
) -> None:
    events.wait_for("task-failed", send(events.app, task))
    wait_until(lambda: worker.logged(reason), reason)
    events.wait_for("task-succeeded", send(events.app, "sleep", "after", 0))


def test_the_hard_limit_does_not_wait_for_a_stubborn_task(
    app: celery.Celery, tmp_path: Path, notes: Notes
) -> None:
    with servers.worker(tmp_path, "-c", "1") as worker, servers.listening(app) as events:
        stubborn = send(app, "hard")
        events.wait_for("task-failed", stubborn)
        assert worker.logged("Hard time limit (0.3s) exceeded")
        notes.wait_for("stubborn, told time limit")
        events.wait_for("task-succeeded", send(app, "sleep", "next", 0))
        assert events.of(stubborn).count("task-failed") == 1


def test_a_blocked_loop_is_told_with_the_place_where_it_stands(
    app: celery.Celery, worker: Worker
) -> None:
    send(app, "block", 4.0)
    wait_until(lambda: worker.logged("event_loop_blocked"), "the warning")
    assert worker.logged("time.sleep(seconds)")


def test_tasks_are_woken_while_redis_is_away_and_the_broker_is_not(
    environment: pytest.MonkeyPatch, rabbitmq_url: str, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_BROKER_URL", rabbitmq_url)
    with ExitStack() as stack:
        with redis_server.server(tmp_path / "redis") as made:
            environment.setenv("NOTILOG_REDIS_URL", made.url)
            schema.load()
            app = servers.sender()
            stack.callback(app.close)
            stack.enter_context(servers.worker(tmp_path))
            events = stack.enter_context(servers.listening(app))
        app.send_task("pool.wake", args=["x"], ignore_result=True)
        wait_until(lambda: "task-received" in events.named("pool.sleep"), "the task woken")
