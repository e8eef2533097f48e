"""The step of a worker that gives its signs of life while its pool runs."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from celery import bootsteps

from notilog.health import signs
from workers import runtime

STOP_PATIENCE: Final = 1.5


class Signs(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Between the start and the stop of the pool; the last word is that there are no more."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        name = f"{signs.WORKER}{parent.hostname}"
        queues = sorted(parent.app.amqp.queues.consume_from)
        pool = parent.pool

        def detail() -> dict[str, Any]:
            return {"queues": queues, "running": pool.busy, "limit": pool.limit}

        self._telling = runtime.submit(_begun(signs.keep_telling(name, detail))).result()

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery's signature
        with suppress(TimeoutError):
            runtime.submit(_ended(self._telling)).result(STOP_PATIENCE)


async def _begun(telling: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    return asyncio.create_task(telling)


async def _ended(telling: "asyncio.Task[None]") -> None:
    """The last sign takes a moment, and what stops the loop would cut it off."""
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
