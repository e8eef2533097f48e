"""Sending the wake-ups of transactions to Celery, as the API does."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from celery import Celery

from notilog import jobs
from notilog.jobs import Wakeup


@contextmanager
def waking() -> Iterator[Celery]:
    """The app through which they are sent while the block runs."""
    app = Celery("bench", set_as_current=False)
    app.config_from_object("celeryconfig", force=True)

    async def send(wakeup: Wakeup) -> None:
        sending = partial(
            app.send_task,
            wakeup.task,
            list(wakeup.args),
            expires=wakeup.expires,
            ignore_result=True,
        )
        await asyncio.to_thread(sending)

    jobs.bind(send)
    yield app
    app.close()
