"""The tick in a real worker: an event made over REST is announced without waiting for beat."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from notilog import clock
from notilog.db.session import reading
from notilog.notifications.tables import DeliveryRow
from tests.integration.conftest import Person
from tests.servers import worker as servers


async def statuses() -> Counter[str]:
    async with reading() as tx:
        return Counter(await tx.scalars(select(DeliveryRow.status)))


async def make_due_now(author: Person, *, count: int) -> None:
    start = clock.now() + timedelta(hours=1, seconds=1)
    event = {
        "name": "Planning",
        "start_time": start.isoformat(),
        "end_time": start.isoformat(),
        "notifications": [{"offset": "1h", "channel": "log"}],
    }
    for _ in range(count):
        answer = await author.api.post("events", json=event)
        assert answer.status_code == 201, answer.text


async def until_sent(count: int) -> None:
    async with asyncio.timeout(60):
        while True:
            if await statuses() == {"sent": count}:
                return
            await asyncio.sleep(0.05)


async def test_an_event_that_is_due_at_once_is_announced_at_once(
    ann: Person, tmp_path: Path
) -> None:
    with servers.worker(tmp_path, "-Q", "general,deliveries,deliveries.log"):
        await make_due_now(ann, count=1)
        await until_sent(1)


async def test_one_tick_decides_batch_after_batch_until_nothing_is_due(
    environment: pytest.MonkeyPatch, ann: Person, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_REMINDERS__BATCH", "2")
    await make_due_now(ann, count=5)
    app = servers.sender()
    app.send_task("reminders.tick")
    app.close()
    with servers.worker(tmp_path, "-Q", "general,deliveries,deliveries.log"):
        await until_sent(5)
