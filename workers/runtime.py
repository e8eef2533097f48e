"""The one bridge between Celery's threads and the core: an event loop in a thread of its own.

`start` opens the database on that loop and makes Celery the sender of wake-ups; whatever runs in
Celery's threads reaches the loop through `submit` and `call`.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import celery
import structlog
import uvloop

from notilog import descriptors, jobs
from notilog.config import Settings
from notilog.db.session import close_database, open_database
from notilog.jobs import Wakeup
from notilog.metrics import stored
from notilog.realtime import events_queue
from notilog.working import WorkerSettings
from workers.watchdog import Watchdog

log = structlog.get_logger(__name__)

SENDING_THREADS = 4
THREADS = 64
PATIENCE = 2.0
"""Seconds that what is left on the loop gets to end."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class _Runtime:
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    watchdog: Watchdog
    senders: ThreadPoolExecutor


_runtime: _Runtime | None = None


def start(settings: Settings, app: celery.Celery) -> None:
    """Run the loop, open the database on it and send wake-ups through ``app``."""
    global _runtime  # noqa: PLW0603  one loop a process
    descriptors.allow_many()
    loop = uvloop.new_event_loop()
    # Names are resolved in threads, and a name server that is silent holds each for long.
    loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="loop"))
    thread = threading.Thread(target=_run, args=(loop,), name="event-loop", daemon=True)
    patience = settings.section(WorkerSettings).blocked_loop_warning
    senders = ThreadPoolExecutor(SENDING_THREADS, thread_name_prefix="wakeups")
    _runtime = _Runtime(loop, thread, Watchdog(loop, thread, patience=patience), senders)
    thread.start()
    _runtime.watchdog.start()
    submit(open_database(settings)).result()
    jobs.bind(_sender(app, senders))
    events_queue.open_telling(settings)
    asyncio.run_coroutine_threadsafe(stored.keep_flushing(), loop)


def submit(coroutine: Coroutine[Any, Any, ResultT]) -> "Future[ResultT]":
    """Run ``coroutine`` on the loop, from any other thread.

    Raises:
        LookupError: the loop does not run.
    """
    return asyncio.run_coroutine_threadsafe(coroutine, _running().loop)


def call(function: Callable[..., object], *args: object) -> None:
    """Call ``function`` on the loop soon, from any other thread, in the order of the calls.

    Raises:
        LookupError: the loop does not run.
    """
    _running().loop.call_soon_threadsafe(function, *args)


def stop() -> None:
    """Cancel what is left on the loop, close the database and end the loop; once is enough."""
    global _runtime
    runtime, _runtime = _runtime, None
    if runtime is None:
        return
    runtime.watchdog.stop()
    closing = asyncio.run_coroutine_threadsafe(_close(), runtime.loop)
    try:
        closing.result(2 * PATIENCE)
    except Exception:
        log.warning("loop_not_closed", exc_info=True)
    runtime.loop.call_soon_threadsafe(runtime.loop.stop)
    runtime.thread.join(PATIENCE)
    runtime.senders.shutdown(wait=False, cancel_futures=True)


def _running() -> _Runtime:
    if _runtime is None:
        raise LookupError("the event loop does not run")
    return _runtime


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _close() -> None:
    # What they told last is told after them.
    telling = {task for task in asyncio.all_tasks() if task.get_name() == events_queue.TASK}
    left = asyncio.all_tasks() - telling - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=PATIENCE)
    await events_queue.close_telling()
    await close_database()


def _sender(app: celery.Celery, senders: ThreadPoolExecutor) -> jobs.Sender:
    """Publishing blocks, so it happens in threads; the retry policy of the settings bounds it."""

    async def send(wakeup: Wakeup) -> None:
        loop = asyncio.get_running_loop()
        sending = partial(
            app.send_task,
            wakeup.task,
            list(wakeup.args),
            expires=wakeup.expires,
            ignore_result=True,  # or it would wait for Redis, where results would be
        )
        await loop.run_in_executor(senders, sending)

    return send
