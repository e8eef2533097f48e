"""Many deliveries while workers are killed, beats compete and Redis forgets everything."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from sqlalchemy import select, update

from notilog import clock, jobs
from notilog import settings as schema
from notilog.calendar import events
from notilog.calendar.drafts import Draft, Notification
from notilog.db.session import close_database, open_database, reading, transaction
from notilog.jobs import Wakeup
from notilog.notifications.deliveries import SEND
from notilog.notifications.tables import DeliveryRow
from notilog.ops.embedded import Program
from notilog.queues import DELIVERIES, queue_of
from notilog.users.caller import Caller
from tests.integration.decided import decide, decision, people
from tests.servers import worker as servers
from tests.servers.process import running, wait_until
from tests.servers.sink import Sink, sink

pytestmark = pytest.mark.slow

QUEUES = ("-Q", ",".join(("general", *DELIVERIES)))
CHANNELS = ("email", "webhook")
PATIENCE = 120


@pytest.fixture
def receiver(environment: pytest.MonkeyPatch) -> Iterator[Sink]:
    with sink() as made:
        for name, value in made.settings().items():
            environment.setenv(name, value)
        yield made


@pytest.fixture
async def database(receiver: Sink) -> None:
    await open_database(schema.load())
    jobs.bind(_nobody_is_woken)


async def _nobody_is_woken(_: Wakeup) -> None:
    """The beats and the sweep find what is due."""


async def statuses() -> Counter[tuple[str, str]]:
    async with reading() as tx:
        rows = await tx.execute(select(DeliveryRow.channel, DeliveryRow.status))
        return Counter((channel, status) for channel, status in rows)


async def until(count: Callable[[], Awaitable[Counter[Any]]], expected: set[Any]) -> None:
    """Wait until nothing but what is expected is counted."""
    async with asyncio.timeout(PATIENCE):
        while (await count()).keys() != expected:  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.1)


def wait_for(receiver: Sink, messages: int) -> None:
    what = f"the arrival of {messages} different messages"
    wait_until(lambda: receiver.arrived().distinct >= messages, what, patience=PATIENCE)


def wake() -> None:
    app = servers.sender()
    for channel in CHANNELS:
        app.send_task(SEND, (channel,), queue=queue_of(channel))
    app.close()


@pytest.mark.timeout(300)
async def test_ten_thousand_deliveries_survive_the_kill_of_their_worker(
    receiver: Sink, database: None, tmp_path: Path
) -> None:
    ids = await people(*(f"user{number}" for number in range(100)))
    each = 5_000
    for channel in CHANNELS:
        await decide(*(decision(ids[n % 100], channel=channel) for n in range(each)))

    with servers.worker(tmp_path, *QUEUES, name="first") as first:
        wake()
        wait_for(receiver, each // 2)
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait()
    left = await statuses()
    in_flight = sum(count for (_, status), count in left.items() if status == "sending")
    unsent = 2 * each - left["email", "sent"] - left["webhook", "sent"]
    assert unsent > 0

    async with transaction() as tx:  # instead of waiting until the leases end
        held = update(DeliveryRow).where(DeliveryRow.status == "sending")
        await tx.execute(held.values(attempt_at=clock.now()))
    with servers.worker(tmp_path, *QUEUES, name="second"):
        wake()
        await until(statuses, {(channel, "sent") for channel in CHANNELS})
    await close_database()

    arrived = receiver.arrived()
    repeated = arrived.total - arrived.distinct
    print(f"{unsent} unsent at the kill, {in_flight} claimed, {repeated} sent twice")
    assert arrived.distinct == 2 * each
    assert repeated <= in_flight


async def make_events(author: UUID, guests: list[str], *, count: int) -> None:
    caller = Caller(author, "author", "user", None, None)
    now = clock.now()
    for number in range(count):
        start = now + timedelta(minutes=1, seconds=6 + 10 * number / count)
        draft = Draft(
            name=f"Talk {number}",
            start_time=start,
            end_time=start + timedelta(hours=1),
            notifications=(Notification("1m", "email"), Notification("1m", "webhook")),
            participants=tuple(guests),
        )
        async with transaction() as tx:
            await events.create(tx, caller, draft=draft, now=now)


def beat(folder: Path, number: int) -> Program:
    schedule = str(folder / f"schedule{number}")
    return Program((*servers.CELERY, "beat", "-s", schedule))


@pytest.mark.timeout(300)
async def test_two_beats_and_four_workers_and_an_emptied_redis_send_each_reminder_once(
    receiver: Sink, database: None, redis_url: str, tmp_path: Path
) -> None:
    guests = [f"guest{number}" for number in range(9)]
    author, *_ = await people("author", *guests)
    with ExitStack() as stack:
        for number in range(4):
            stack.enter_context(servers.worker(tmp_path, *QUEUES, name=f"worker{number}"))
        await make_events(author, guests, count=100)
        for number in range(2):
            log, environment = tmp_path / f"beat{number}.log", servers.environment()
            stack.enter_context(running(beat(tmp_path, number), log, cwd=tmp_path, env=environment))
        expected = 100 * (1 + len(guests)) * len(CHANNELS)
        wait_for(receiver, expected // 10)
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        wait_for(receiver, expected)
        await until(reminders_by_status, {"sent"})
    assert await reminders_by_status() == {"sent": expected}
    assert await decided_twice() == 0
    await close_database()


async def reminders_by_status() -> Counter[str]:
    async with reading() as tx:
        query = select(DeliveryRow.status).where(DeliveryRow.kind == "reminder")
        return Counter(await tx.scalars(query))


async def decided_twice() -> int:
    """Reminders of one person, event and channel beyond the first."""
    row = DeliveryRow
    async with reading() as tx:
        query = select(row.event_id, row.user_id, row.channel).where(row.kind == "reminder")
        found = Counter((await tx.execute(query)).all())
    return sum(found.values()) - len(found)
