"""Beat and Flower beside a worker, and a worker that is configured wrongly."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import celery
import httpx
import pytest

from notilog.ops.embedded import Program
from tests.servers import worker as servers
from tests.servers.process import running, wait_until
from tests.servers.rabbitmq import free_port
from tests.servers.worker import CELERY, Events, Worker, send


@contextmanager
def flower(folder: Path) -> Iterator[str]:
    """Flower's address; ``flower.log`` has its log."""
    port = free_port()
    program = Program((*CELERY, "flower", "--address=127.0.0.1", f"--port={port}"))
    secret = {"FLOWER_BASIC_AUTH": "ann:secret"}
    environment = {**servers.environment(), **secret}
    with running(program, folder / "flower.log", cwd=folder, env=environment):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url), "Flower's start")
        yield url


def _answers(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True


def test_flower_asks_for_a_password_and_shows_workers_and_tasks(
    app: celery.Celery, worker: Worker, tmp_path: Path
) -> None:
    with flower(tmp_path) as url, httpx.Client(base_url=url, auth=("ann", "secret")) as client:
        for path in ("/", "/workers", "/tasks", "/api/workers", "/api/tasks"):
            assert httpx.get(url + path).status_code == 401
        wait_until(lambda: "tested@" in client.get("/api/workers").text, "the worker in Flower")
        task = send(app, "sleep", "shown", 0)
        wait_until(
            lambda: client.get("/api/tasks").json().get(task, {}).get("state") == "SUCCESS",
            "the task in Flower",
        )
        (name,) = client.get("/api/workers").json()
        for path in ("/workers", "/tasks", f"/worker/{name}", f"/task/{task}"):
            assert client.get(path).status_code == 200
    assert '"process": "flower"' in (tmp_path / "flower.log").read_text()


def test_flower_ends_a_running_task(app: celery.Celery, worker: Worker, tmp_path: Path) -> None:
    with flower(tmp_path) as url, httpx.Client(base_url=url, auth=("ann", "secret")) as client:
        wait_until(lambda: "tested@" in client.get("/api/workers").text, "the worker in Flower")
        task = send(app, "hold", "one")
        wait_until(lambda: task in servers.active(app), "the task's start")
        client.post(f"/api/task/revoke/{task}", params={"terminate": "true"}).raise_for_status()
        wait_until(
            lambda: client.get("/api/tasks").json().get(task, {}).get("state") == "REVOKED",
            "the task's end in Flower",
        )


@pytest.mark.parametrize("broker", ["rabbitmq"])
def test_beat_wakes_what_is_due_every_few_seconds(
    app: celery.Celery, events: Events, tmp_path: Path
) -> None:
    beat = Program((*CELERY, "beat"))
    with running(beat, tmp_path / "beat.log", cwd=tmp_path, env=servers.environment()):
        for name in ("reminders.tick", "deliveries.sweep"):
            wait_until(lambda name=name: "task-succeeded" in events.named(name), name)  # type: ignore[misc]
    assert not list(tmp_path.glob("celerybeat*"))


def test_a_worker_without_its_settings_says_so_in_one_line(tmp_path: Path) -> None:
    environment = {"PATH": os.defpath, "PYTHONPATH": str(servers.ROOT)}
    done = subprocess.run(
        (sys.executable, "-m", "celery", "-A", "workers.app", "worker"),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "NOTILOG_DATABASE_URL is not set" in done.stderr
    assert "Traceback" not in done.stderr
