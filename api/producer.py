"""Sending tasks to the workers by name; the API knows nothing else of them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from celery import Celery

from notilog import config
from notilog.errors import Unavailable
from notilog.jobs import Wakeup
from notilog.serving import ApiSettings

THREADS = 4

ResultT = TypeVar("ResultT")


class Producer:
    """A connection to the broker, in threads of its own: the loop never waits for it."""

    def __init__(self) -> None:
        self._celery = Celery("notilog", set_as_current=False)
        self._celery.config_from_object("celeryconfig")
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="producer")
        # Checks of a broker that hangs must not keep wake-ups waiting.
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="broker-check")

    async def send(self, wakeup: Wakeup) -> None:
        """Hand a wake-up to the broker.

        Raises:
            Unavailable: the broker did not take it in time.
        """
        await _bounded(
            self._threads,
            lambda: self._celery.send_task(
                wakeup.task, args=wakeup.args, expires=wakeup.expires, ignore_result=True
            ),
            config.section(ApiSettings).wakeup_timeout,
        )

    async def check(self) -> None:
        """Connect to the broker.

        Raises:
            Unavailable: it does not answer in time.
        """
        seconds = config.section(ApiSettings).readiness_timeout
        await _bounded(self._checking, self._connect, seconds)

    def close(self) -> None:
        for threads in (self._threads, self._checking):
            threads.shutdown(wait=False, cancel_futures=True)
        self._celery.close()

    def _connect(self) -> None:
        with self._celery.connection_for_write() as connection:
            connection.ensure_connection(
                max_retries=1, interval_start=0, reraise_as_library_errors=True
            )


async def _bounded(
    threads: ThreadPoolExecutor, call: Callable[[], ResultT], seconds: float
) -> ResultT:
    running = asyncio.get_running_loop().run_in_executor(threads, call)
    try:
        async with asyncio.timeout(seconds):
            return await running
    except TimeoutError as error:
        raise Unavailable(f"the broker did not answer within {seconds:g} s") from error
