"""A Celery pool in which every task is a coroutine on one event loop.

Celery's requests and its connection to the broker belong to the worker's main thread. A task runs
on the loop of `workers.runtime`, and what Celery must hear of it comes back through an inbox that
the main thread empties: while it serves the hub because the hub is woken, while it stops because
the pool waits there itself. Concurrency is Celery's own semaphore, so a task that was revoked
while it waited for a place is never started.
"""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, NoReturn

import structlog
from billiard.einfo import ExceptionInfo
from celery import signals
from celery.concurrency.base import BasePool
from celery.exceptions import Terminated
from celery.worker import state
from kombu.asynchronous.hub import Hub
from sqlalchemy.util import greenlet_spawn

from notilog import config
from notilog.working import WorkerSettings
from workers import runtime
from workers.job import Ending, Job, running

log = structlog.get_logger(__name__)

RELEASE_PATIENCE = 2.0
"""Seconds that cancelled tasks get to let go of what they hold when the worker stops."""


class AsyncPool(BasePool):  # type: ignore[misc]  # celery is untyped
    """Runs up to ``limit`` coroutines at once; plain functions run in threads of the loop."""

    uses_semaphore = True
    body_can_be_buffer = True

    _hub: Hub | None = None
    _deadline: float | None = None

    def on_start(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._numbers = count(1)
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._semaphore = self.options["semaphore"]
        runtime.start(config.current(), self.app)
        signals.worker_shutting_down.connect(self._wind_down)

    def register_with_event_loop(self, hub: Hub) -> None:
        """Meet the hub, at the start and after every lost connection.

        With the connection Celery forgets which places are taken, but the tasks go on.
        """
        self._hub = hub
        self._count_places()

    def on_apply(  # noqa: PLR0913  Celery's signature
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        accept_callback: Callable[[int, float], None],
        callback: Callable[[Any], None],
        error_callback: Callable[[Any], None],
        timeout_callback: Callable[..., None],
        timeout: float | None = None,
        soft_timeout: float | None = None,
        correlation_id: str | None = None,
        **_: Any,
    ) -> None:
        """Start one task; its number is what Celery takes for the id of its process."""
        job = Job(
            number=next(self._numbers),
            task=self.app.tasks[args[0]],
            task_id=correlation_id,
            trace=partial(target, *args, **kwargs),
            on_end=callback,
            on_error=error_callback,
            on_timeout=timeout_callback,
            soft_limit=soft_timeout or self.options.get("soft_timeout"),
        )
        self._jobs[job.number] = job
        runtime.call(self._begin, job)
        hard_limit = timeout or self.options.get("timeout")
        if hard_limit and self._hub:
            self._hub.call_later(hard_limit, self._give_up, job.number, hard_limit)
        accept_callback(job.number, monotonic())

    def terminate_job(self, pid: int, signal: int | None = None) -> None:  # noqa: ARG002  Celery's names
        """Cancel one task; Celery tells of it by itself."""
        job = self._jobs.get(pid)
        if job is not None:
            job.is_settled = True
            was_revoked = job.task_id in state.revoked
            self._cancel(job, Ending.REVOKED if was_revoked else Ending.SHUTDOWN)

    def grow(self, n: int = 1) -> None:
        self.limit += n
        self._semaphore.grow(n)
        self._count_places()

    def shrink(self, n: int = 1) -> None:
        self.limit -= n
        self._semaphore.shrink(n)
        self._count_places()

    def on_close(self) -> None:
        self._cancel_what_stops_at_once()

    def on_stop(self) -> None:
        """Let the tasks end; Celery also calls this, in a signal handler, when it stops cold."""
        if state.should_terminate:
            self._end_all()
            return
        self._empty_inbox_for(self._stop_by() - monotonic())
        self.on_terminate()

    def _stop_by(self) -> float:
        """When the running tasks must have ended: counted from the moment that this is first asked.

        What stops before the pool, as the intake of logs does, takes from the same time.
        """
        if self._deadline is None:
            self._deadline = monotonic() + config.section(WorkerSettings).shutdown_grace
        return self._deadline

    def on_terminate(self) -> None:
        self._end_all()
        runtime.stop()

    @property
    def busy(self) -> int:
        """How many tasks run now."""
        return len(self._jobs)

    def _get_info(self) -> dict[str, Any]:
        return {**super()._get_info(), "running": len(self._jobs)}

    # On the loop.

    def _begin(self, job: Job) -> None:
        job.coroutine = asyncio.get_running_loop().create_task(_traced(job))
        job.coroutine.add_done_callback(partial(self._tell_end, job))

    def _tell_end(self, job: Job, done: "asyncio.Task[Any]") -> None:
        if job.soft_limit_passed:
            self._tell(partial(job.on_timeout, soft=True, timeout=job.soft_limit))
        outcome = None if done.cancelled() else done.result()
        self._tell(partial(self._conclude, job, outcome))

    def _tell(self, message: Callable[[], None]) -> None:
        self._inbox.put(message)
        if self._hub:
            self._hub.call_soon(self._empty_inbox)

    # On the worker's main thread.

    def _running(self) -> list[Job]:
        return list(self._jobs.values())

    def _wind_down(self, **_: Any) -> None:
        """Begin to stop, in the signal's handler: the hub may sleep on for seconds."""
        if self._state == self.RUN:
            self._stop_by()
            self._cancel_what_stops_at_once()
            runtime.call(self._tell, _nothing)

    def _cancel_what_stops_at_once(self) -> None:
        for job in self._running():
            if getattr(job.task, "stops_on_shutdown", False):
                self._cancel(job, Ending.SHUTDOWN)

    def _cancel(self, job: Job, ending: Ending) -> None:
        if job.ending is None:  # a second cancellation would disturb what follows the first
            job.ending = ending
            runtime.call(job.cancel)

    def _give_up(self, number: int, seconds: float) -> None:
        """Report a task that passed its hard limit, and do not wait for its end."""
        job = self._jobs.get(number)
        if job is None or job.is_settled:
            return
        job.is_settled = True
        self._cancel(job, Ending.TIME_LIMIT)
        _heard(partial(job.on_timeout, soft=False, timeout=seconds))
        self._leave(job)

    def _conclude(self, job: Job, outcome: Any) -> None:
        """Report how a task ended, unless that was done, and give its place to the next one."""
        if not job.is_settled:
            job.is_settled = True
            _heard(partial(_report, job, outcome))
        self._leave(job)

    def _leave(self, job: Job) -> None:
        was_running = self._jobs.pop(job.number, None) is not None
        if was_running and self._state == self.RUN and len(self._jobs) < self.limit:
            self._semaphore.release()

    def _count_places(self) -> None:
        """Put right the free places, of which Celery's semaphore loses count when it changes."""
        self._semaphore.value = max(0, self.limit - len(self._jobs))

    def _empty_inbox(self) -> None:
        while True:
            try:
                message = self._inbox.get_nowait()
            except Empty:
                return
            message()

    def _empty_inbox_for(self, seconds: float) -> None:
        """Wait until no task runs, and hear meanwhile what they have to say."""
        deadline = monotonic() + seconds
        while self._jobs and (left := deadline - monotonic()) > 0:
            try:
                self._inbox.get(timeout=left)()
            except Empty:
                return

    def _end_all(self) -> None:
        for job in self._running():
            self._cancel(job, Ending.SHUTDOWN)
        self._empty_inbox_for(RELEASE_PATIENCE)
        for job in self._running():
            log.warning("task_abandoned", task=job.task.name, task_id=job.task_id)


def _nothing() -> None:
    """A message that only wakes the hub."""


async def _traced(job: Job) -> Any:
    """Celery's trace of a task, with any error that passes through it as a value."""
    running.set(job)
    try:
        if getattr(job.task, "is_coroutine", False):
            return await greenlet_spawn(job.trace)
        return await asyncio.to_thread(job.trace)
    except asyncio.CancelledError:
        raise
    except BaseException:  # noqa: BLE001  SystemExit, too, ends the task and not the loop
        return ExceptionInfo()


def _report(job: Job, outcome: Any) -> None:
    if outcome is not None and not isinstance(outcome, ExceptionInfo):
        job.on_end(outcome)
    elif outcome is not None:
        job.on_error(outcome)
    elif not job.task.acks_late:  # the broker gives an unacknowledged task to another worker
        job.on_error(_stopped())


def _stopped() -> ExceptionInfo:
    def stop() -> NoReturn:
        raise Terminated(signal.SIGTERM)

    try:
        stop()
    except Terminated:
        return ExceptionInfo()


def _heard(report: Callable[[], None]) -> None:
    try:
        report()
    except Exception:
        log.exception("task_report_failed")
