"""A worker process as a user starts it, an app that sends to it, and what it tells of its tasks."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import celery

from notilog.ops.embedded import Program
from tests.servers.process import running, wait_until

ROOT = Path(__file__).resolve().parents[2]
CELERY = (sys.executable, "-m", "celery", "-A", "workers.app")


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker process and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def logged(self, event: str) -> bool:
        return event in self.log.read_text()


@dataclass(slots=True)
class Events:
    """Every task event since the start, in order."""

    app: celery.Celery
    seen: list[dict[str, Any]] = field(default_factory=list)

    def of(self, task_id: str) -> list[str]:
        return [event["type"] for event in self.seen if event.get("uuid") == task_id]

    def named(self, task: str) -> list[str]:
        """What happened to all tasks of one name."""
        ids = {event["uuid"] for event in self.seen if event.get("name") == task}
        return [event["type"] for event in self.seen if event.get("uuid") in ids]

    def count(self, kind: str) -> int:
        return sum(event["type"] == kind for event in self.seen)

    def wait_for(self, kind: str, task_id: str) -> None:
        wait_until(lambda: kind in self.of(task_id), f"{kind} of {task_id}")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def sender() -> celery.Celery:
    """An app with the settings of this moment that can send, ask and listen."""
    app = celery.Celery("sender", set_as_current=False)
    app.config_from_object("celeryconfig", force=True)
    app.control.purge()
    return app


@contextmanager
def worker(folder: Path, *arguments: str, name: str = "tested") -> Iterator[Worker]:
    """A worker that consumes, with the tasks of the tests."""
    log = folder / f"{name}.log"
    program = Program(
        (*CELERY, "worker", "-n", f"{name}@%h", "-I", "tests.integration.pool.tasks", *arguments)
    )
    with running(program, log, cwd=folder, env=environment()) as process:
        made = Worker(process, log)
        wait_until(lambda: made.logged("ready."), "the worker's start")
        yield made


@contextmanager
def listening(app: celery.Celery) -> Iterator[Events]:
    """Every event of tasks while the block runs."""
    events, done = Events(app), threading.Event()

    def listen() -> None:
        with app.connection_for_read() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": events.seen.append})
            with receiver.consumer_context() as (consuming, _, _):
                while not done.is_set():
                    try:
                        consuming.drain_events(timeout=0.1)
                    except TimeoutError:
                        continue

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        # A worker answers a new listener with a heartbeat: only then is it sure to be subscribed.
        wait_until(lambda: bool(events.seen), "the first event")
        yield events
    finally:
        done.set()
        thread.join()


def control(folder: Path, *arguments: str) -> str:
    """What the Celery CLI prints; its exit code must be 0."""
    done = subprocess.run(
        (*CELERY, *arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def send(app: celery.Celery, task: str, *args: Any) -> str:
    """The id of a task of the tests that was sent."""
    return str(app.send_task(f"pool.{task}", args=args).id)


def active(app: celery.Celery) -> set[str]:
    """Ids of the tasks that run now, as the worker itself says."""
    answer = app.control.inspect(timeout=10, limit=1).active() or {}
    return {task["id"] for tasks in answer.values() for task in tasks}
