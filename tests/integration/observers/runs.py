"""Runs of observers in this process, and how their rows look."""

import asyncio
from uuid import UUID

from notilog.db.session import transaction
from notilog.observers import running
from notilog.observers.running import Ending
from notilog.observers.tables import ObserverRow
from notilog.users.caller import Caller
from tests.integration.waiting import until

OPERATOR = Caller.of_operator()
LEASE = 1.5


class Run:
    """A run as a worker's task; ``ending`` is what the pool says when it cancels."""

    def __init__(self, observer_id: UUID, task_id: str = "task") -> None:
        self.ending: Ending | None = None
        self.task = asyncio.create_task(
            running.run(observer_id, task_id=task_id, worker="here", ending=lambda: self.ending)
        )

    async def end(self, why: Ending) -> None:
        self.ending = why
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def row(observer_id: UUID) -> ObserverRow:
    async with transaction() as tx:
        return await tx.get_one(ObserverRow, observer_id)


async def runs(observer_id: UUID) -> None:
    async def is_running() -> bool:
        return (await row(observer_id)).state == "running"

    await until(is_running)
