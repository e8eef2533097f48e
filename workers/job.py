"""One run of a task: what Celery wants to hear of it, and why it was ended if it was."""

import asyncio
import enum
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from celery.app.task import Task


class Ending(enum.Enum):
    """Why a coroutine was cancelled, for tasks that end differently in each case."""

    REVOKED = "revoked"
    SHUTDOWN = "shutdown"
    TIME_LIMIT = "time limit"


@dataclass(slots=True, eq=False)
class Job:
    """A task on the loop.

    The three ``on_`` callbacks are those of Celery's request and belong to the worker's main
    thread. ``is_settled`` says that Celery has told the world already how the task ended.
    """

    number: int
    task: Task
    task_id: str | None
    trace: Callable[[], Any]
    on_end: Callable[[Any], None]
    on_error: Callable[[Any], None]
    on_timeout: Callable[..., None]
    soft_limit: float | None
    soft_limit_passed: bool = False
    is_settled: bool = False
    ending: Ending | None = None
    coroutine: "asyncio.Task[Any] | None" = None

    def cancel(self) -> None:
        """End the coroutine; on the loop only."""
        if self.coroutine is not None:
            self.coroutine.cancel()


running: ContextVar[Job | None] = ContextVar("notilog_running_job", default=None)


def ending() -> Ending | None:
    """Why the running task is being cancelled; nothing while it is not."""
    job = running.get()
    return job.ending if job else None
