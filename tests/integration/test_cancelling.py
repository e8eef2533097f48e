"""A task that is cancelled ends, whatever it is about to get from the database."""

import asyncio
import random

import pytest
from sqlalchemy import text

from notilog.db.session import reading, transaction

ROUNDS = 400


async def for_ever() -> None:
    while True:
        async with transaction():
            pass
        async with reading() as tx:
            await tx.execute(text("SELECT 1"))


@pytest.mark.timeout(120)
async def test_no_cancellation_is_lost(database: None) -> None:
    luck = random.Random(1)  # noqa: S311  when to cancel
    for _ in range(ROUNDS):
        tasks = [asyncio.create_task(for_ever()) for _ in range(4)]
        await asyncio.sleep(luck.uniform(0, 0.01))
        for task in tasks:
            task.cancel()
        _, running = await asyncio.wait(tasks, timeout=5)
        assert not running
        assert all(task.cancelled() for task in tasks)
