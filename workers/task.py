"""A Celery task whose body is a coroutine on the worker's event loop.

Celery's own part of a run is synchronous and stands in a greenlet on the loop; `await_` hands the
coroutine from there to the loop, where it runs like any other. Bodies of plain functions run in a
thread, see `workers.pool`.
"""

import asyncio
import inspect
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, ClassVar

import celery
from celery.app.task import Context
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.util import await_
from sqlalchemy.util.concurrency import in_greenlet

from workers.job import Job, running

_request: ContextVar[Context | None] = ContextVar("notilog_task_request", default=None)


class CancelledFromWithin(Exception):
    """A coroutine that nobody cancelled ended as if it had been."""


class CoroutineTask(celery.Task):  # type: ignore[misc]  # celery is untyped
    """The class of every task of the app."""

    abstract = True

    ends_on_revoke: ClassVar[bool] = False
    """``control revoke`` ends a running task too; without this, only ``terminate`` does."""

    stops_on_shutdown: ClassVar[bool] = False
    """A worker that stops cancels the task at once, so that it lets go of what it holds."""

    @property
    def is_coroutine(self) -> bool:
        return inspect.iscoroutinefunction(self.run)

    @property
    def request(self) -> Context:
        """The request being run; Celery looks for it in the greenlet, where the body is not."""
        request = _request.get()
        return request if request and request.task == self.name else self._get_request()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        job = running.get()
        if job is None or not in_greenlet():
            return super().__call__(*args, **kwargs)
        return await_(_within_limit(self.run(*args, **kwargs), job, self.request))


async def _within_limit(body: Coroutine[Any, Any, Any], job: Job, request: Context) -> Any:
    _request.set(request)
    try:
        async with asyncio.timeout(job.soft_limit) as limit:
            return await body
    except asyncio.CancelledError:
        if job.ending is None:
            raise CancelledFromWithin(f"{job.task.name} was cancelled by itself") from None
        raise
    except TimeoutError:
        if limit.expired():
            raise SoftTimeLimitExceeded(job.soft_limit) from None
        raise
    finally:
        job.soft_limit_passed = limit.expired()
