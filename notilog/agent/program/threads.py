"""Work that may hang, away from the event loop, in threads that keep nobody from leaving."""

import asyncio
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TypeVar, cast

T = TypeVar("T")


class StillHangs(TimeoutError):
    """The same work was begun before, and has not ended yet."""


class Threads:
    """Runs each work in a thread of its own, and never twice at once: what hangs is one thread."""

    def __init__(self) -> None:
        self._running: dict[Hashable, threading.Thread] = {}

    async def run(self, name: Hashable, work: Callable[[], T], *, patience: float) -> T:
        """The result of the work of this name.

        Raises:
            StillHangs: it has not ended since it was run last.
            TimeoutError: it took longer than so many seconds; the thread is left to itself.
        """
        self._running = {key: one for key, one in self._running.items() if one.is_alive()}
        if name in self._running:
            raise StillHangs("it has not ended since it was begun last")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        thread = threading.Thread(
            target=_work, args=(work, future), name="notilog-work", daemon=True
        )
        thread.start()
        self._running[name] = thread
        try:
            async with asyncio.timeout(patience):
                return await future
        finally:
            if not future.cancelled():  # the work is done, and its thread is about to end
                self._running.pop(name, None)


def _work(work: Callable[[], T], future: "asyncio.Future[T]") -> None:
    result, failure = None, None
    try:
        result = work()
    except Exception as error:  # noqa: BLE001  raised again where it is awaited
        failure = error
    with suppress(RuntimeError):  # the loop may be closed by now
        future.get_loop().call_soon_threadsafe(_settle, future, result, failure)


def _settle(future: "asyncio.Future[T]", result: T | None, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(cast("T", result))
