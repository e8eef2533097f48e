"""A worker that is stopped lets tasks end as they need, and loses none that it did not begin."""

import signal
from pathlib import Path

import celery
import pytest

from tests.integration.pool.conftest import Notes
from tests.servers import worker as servers
from tests.servers.worker import Worker, send

both_brokers = pytest.mark.parametrize("broker", ["redis", "rabbitmq"])


@both_brokers
def test_a_warm_shutdown_lets_short_tasks_finish_and_ends_long_ones(
    app: celery.Celery, environment: pytest.MonkeyPatch, tmp_path: Path, notes: Notes
) -> None:
    environment.setenv("NOTILOG_WORKER__SHUTDOWN_GRACE", "5")
    with servers.worker(tmp_path) as worker, servers.listening(app) as events:
        lease, long = send(app, "hold_until_shutdown", "lease"), send(app, "hold", "long")
        notes.wait_for("lease holds")
        notes.wait_for("long holds")
        short = send(app, "sleep", "short", 2)
        notes.wait_for("short sleeps")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(timeout=20) == 0
        for kind, task in (("succeeded", short), ("revoked", lease), ("revoked", long)):
            events.wait_for(f"task-{kind}", task)
    assert notes.all()[3:] == [
        "lease ended by shutdown",
        "short woke",
        "long ended by shutdown",
    ]


@both_brokers
def test_a_cold_shutdown_ends_everything_at_once(
    app: celery.Celery, worker: Worker, notes: Notes
) -> None:
    for number in range(3):
        send(app, "hold", str(number))
        notes.wait_for(f"{number} holds")
    worker.process.send_signal(signal.SIGQUIT)
    # The signal may interrupt the reading of a frame, and then Celery waits in vain for the answer
    # of RabbitMQ to its cancellation: five seconds each time it asks, so much does it allow itself.
    worker.process.wait(timeout=30)
    assert sorted(notes.all()[3:]) == [f"{number} ended by shutdown" for number in range(3)]


@both_brokers
def test_a_late_acknowledged_task_moves_to_another_worker_on_shutdown(
    app: celery.Celery, worker: Worker, tmp_path: Path, notes: Notes
) -> None:
    send(app, "hold_late", "late")
    notes.wait_for("late holds")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=20) == 0
    with servers.worker(tmp_path, name="second"):
        notes.wait_for("late holds", times=2)


@pytest.mark.parametrize("broker", ["rabbitmq"])
def test_a_late_acknowledged_task_moves_to_another_worker_after_a_kill(
    app: celery.Celery, worker: Worker, tmp_path: Path, notes: Notes
) -> None:
    send(app, "hold_late", "late")
    notes.wait_for("late holds")
    with servers.worker(tmp_path, name="second"):
        worker.process.kill()
        notes.wait_for("late holds", times=2)


@both_brokers
def test_tasks_that_waited_for_a_place_are_left_to_another_worker(
    app: celery.Celery, tmp_path: Path, notes: Notes
) -> None:
    with servers.worker(tmp_path, "-c", "1") as worker:
        send(app, "hold", "first")
        notes.wait_for("first holds")
        send(app, "sleep", "waiting", 0)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(timeout=20) == 0
    assert "waiting woke" not in notes.all()
    with servers.worker(tmp_path, name="second"):
        notes.wait_for("waiting woke")
