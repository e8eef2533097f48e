"""Tasks of the observers' room.

``observers.run`` goes on until somebody ends it: over the API, or with ``control terminate`` or
``control revoke``. Its worker's stop hands it over to another one.
"""

import asyncio
from typing import Final
from uuid import UUID

from notilog import clock
from notilog.db.session import transaction
from notilog.observers import running
from notilog.observers.reconciling import (
    AT_ONCE,
    ask_for_what_shall_run,
    end_what_shall_not,
    forget_leases,
)
from notilog.observers.voice import retention
from notilog.observers.voice.orphans import close_orphaned
from workers.app import app
from workers.job import Ending, ending

QUEUE: Final = "observers"
MOST_WAITING: Final = 2_000
"""Observers that are asked for and that nobody has begun to run."""


@app.task(name="observers.run", bind=True, ends_on_revoke=True, stops_on_shutdown=True)
async def run(self: object, observer_id: str) -> None:
    request = self.request  # type: ignore[attr-defined]
    await running.run(UUID(observer_id), task_id=request.id, worker=request.hostname, ending=_why)


@app.task(name="observers.reconcile")
async def reconcile_observers() -> None:
    async with transaction() as tx:
        await end_what_shall_not(tx, clock.now())
    # A queue that nobody empties must not grow for ever; on Redis nothing leaves it unread.
    room = MOST_WAITING - await asyncio.to_thread(_waiting)
    asked = AT_ONCE
    while room > 0 and asked == AT_ONCE:
        async with transaction() as tx:
            asked = await ask_for_what_shall_run(tx, clock.now(), most=room)
        room -= asked


def _waiting() -> int:
    """Messages in the queue of the observers."""
    with app.connection_for_write() as connection:
        queue = app.amqp.queues[QUEUE](connection.default_channel)
        return int(queue.queue_declare(passive=False).message_count)


@app.task(name="observers.close_voice_sessions")
async def close_voice_sessions() -> None:
    async with transaction() as tx:
        await close_orphaned(tx, clock.now())


@app.task(name="observers.end_old_voice")
async def end_old_voice() -> None:
    await retention.enforce(clock.now())
    async with transaction() as tx:
        await forget_leases(tx, clock.now())


@app.task(name="observers.end")
def end(task_id: str) -> None:
    """Tell all workers to end a task; the one that runs it does."""
    app.control.revoke(task_id, terminate=True, signal="SIGTERM")


def _why() -> running.Ending | None:
    found = ending()
    if found is Ending.REVOKED:
        return "revoked"
    return "shutdown" if found is Ending.SHUTDOWN else None
