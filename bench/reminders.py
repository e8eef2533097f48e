"""Many reminders due at once, to local receivers, against one Celery task for each message.

Ours: two worker processes of NotiLog. The peer: two processes of a plain Celery worker that send
with the same code, over connections they keep as well; its tasks are in the broker before the
clock starts. Both are measured from the first message that arrives to the last.
"""

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final
from uuid import UUID

import psycopg
from celery import Celery
from uuid_utils.compat import uuid7

from bench.row import Row
from notilog import clock
from notilog import settings as schema
from notilog.db.session import close_database, open_database, transaction
from notilog.notifications import deliveries
from notilog.notifications.deliveries import SEND, Decision
from notilog.ops.embedded import Program
from notilog.queues import DELIVERIES, queue_of
from notilog.users.tables import UserRow
from tests.servers import postgres, redis
from tests.servers.process import running, wait_until
from tests.servers.sink import Counts, Sink, sink

SCALE: Final = float(os.environ.get("BENCH_SCALE", "1"))
MESSAGES: Final = max(2_000, int(100_000 * SCALE))
PEER_MESSAGES: Final = max(1_000, int(10_000 * SCALE))
PROCESSES: Final = 2
PEOPLE: Final = 500
DECIDED_AT_ONCE: Final = 5_000
STEADY_RATE: Final = 100
STEADY_SECONDS: Final = max(5, int(30 * SCALE))
TARGET: Final = 5.0
PATIENCE: Final = 600.0
ROOT: Final = Path(__file__).resolve().parents[1]
PYTHON: Final = (sys.executable, "-m")


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything is."""

    folder: Path
    database: str
    sink: Sink


def run() -> list[Row]:
    """Start everything, measure, stop everything."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        postgres.cluster(Path(folder) / "postgres") as cluster,
        cluster.fresh_database() as database,
        redis.server(Path(folder) / "redis") as broker,
        sink() as receiver,
    ):
        _configure(database, broker.url, receiver)
        bench = Bench(Path(folder), database, receiver)
        people = asyncio.run(_people())
        rows = [_throughput(bench, people, channel) for channel in ("email", "webhook")]
        return [*rows, _lateness(bench, people)]


def _configure(database: str, broker: str, receiver: Sink) -> None:
    os.environ |= receiver.settings() | {
        "PYTHONPATH": str(ROOT),
        "NOTILOG_DATABASE_URL": database,
        "NOTILOG_REDIS_URL": broker,
        "NOTILOG_SECRET_KEY": "a secret key that is only used by the bench",
    }


async def _people() -> list[UUID]:
    await open_database(schema.load())
    rows = [
        UserRow(
            login=f"user{number}",
            first_name="Some",
            last_name="Body",
            email=f"user{number}@example.org",
        )
        for number in range(PEOPLE)
    ]
    async with transaction() as tx:
        tx.add_all(rows)
    await close_database()
    return [row.id for row in rows]


def _throughput(bench: Bench, people: list[UUID], channel: str) -> Row:
    ours = _ours(bench, people, channel)
    peer = _peer(bench, people, channel)
    ratio = ours / peer
    return Row(
        what=f"{MESSAGES:,} reminders due at once, by {channel}",
        ours=ours,
        unit="messages/s",
        peer_name="one Celery task per message",
        peer=peer,
        ratio=ratio,
        target=f">= {TARGET:g}",
        met=ratio >= TARGET,
    )


def _ours(bench: Bench, people: list[UUID], channel: str) -> float:
    asyncio.run(_decide(people, channel, dues=[clock.now()] * MESSAGES))
    with _workers(bench):
        _wake(channel)
        return _rate(bench, MESSAGES)


def _peer(bench: Bench, people: list[UUID], channel: str) -> float:
    asyncio.run(_decide(people, channel, dues=[clock.now()] * PEER_MESSAGES))
    app = Celery("sender", broker=os.environ["NOTILOG_REDIS_URL"])
    with psycopg.connect(bench.database) as connection, app.producer_pool.acquire() as producer:
        waiting = connection.execute("SELECT id FROM deliveries WHERE status = 'pending'")
        for (delivery_id,) in waiting:
            app.send_task("peer.send", (str(delivery_id),), producer=producer)
    command = (
        *(*PYTHON, "celery", "-A", "bench.one_task_per_message", "worker"),
        *("-P", "prefork", "-c", str(PROCESSES), "--without-gossip", "--without-mingle"),
    )
    with running(Program(command), bench.folder / "peer.log", cwd=bench.folder):
        return _rate(bench, PEER_MESSAGES)


async def _decide(people: list[UUID], channel: str, *, dues: list[datetime]) -> None:
    """Fresh deliveries, each of an event of its own, and statistics for the planner."""
    await open_database(schema.load())
    for first in range(0, len(dues), DECIDED_AT_ONCE):
        chunk = dues[first : first + DECIDED_AT_ONCE]
        async with transaction() as tx:
            await deliveries.decide(
                tx,
                [
                    _decision(people[place % PEOPLE], channel, due)
                    for place, due in enumerate(chunk)
                ],
            )
    await close_database()
    with psycopg.connect(os.environ["NOTILOG_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE deliveries")


def _decision(user_id: UUID, channel: str, due: datetime) -> Decision:
    start = due + timedelta(hours=1)
    content: dict[str, Any] = {
        "name": "Planning of the week",
        "description": "What was done, what comes next, who needs help.",
        "start": start.isoformat(),
        "end": (start + timedelta(hours=1)).isoformat(),
        "timezone": "Europe/Berlin",
        "all_day": False,
        "before": "1h",
    }
    return Decision(
        kind="reminder",
        event_id=uuid7(),
        occurrence_start=start,
        starts_at=start,
        before="1h",
        user_id=user_id,
        channel=channel,
        priority=5,
        content=content,
        due_at=due,
    )


@contextmanager
def _workers(bench: Bench) -> Iterator[None]:
    with ExitStack() as stack:
        for number in range(PROCESSES):
            log = bench.folder / f"worker{number}-{uuid7()}.log"
            command = (
                *(*PYTHON, "celery", "-A", "workers.app", "worker"),
                *("-n", f"bench{number}@%h", "-Q", ",".join(DELIVERIES), "-c", "200"),
            )
            stack.enter_context(running(Program(command), log, cwd=bench.folder))
            wait_until(lambda log=log: "ready." in log.read_text(), "the worker's start")  # type: ignore[misc]
        yield


def _wake(channel: str) -> None:
    """Several times, so that every process hears of it."""
    app, queue = Celery("sender", broker=os.environ["NOTILOG_REDIS_URL"]), queue_of(channel)
    for _ in range(PROCESSES * 4):
        app.send_task(SEND, (channel,), queue=queue, exchange=queue)


def _rate(bench: Bench, messages: int) -> float:
    """Messages a second, from the first to the last; none may be lost or come twice."""
    before = bench.sink.arrived()
    first = _when(bench, before.total + 1)
    last = _when(bench, before.total + messages)
    after = bench.sink.arrived()
    arrived = Counts(after.total - before.total, after.distinct - before.distinct)
    if arrived != Counts(messages, messages):
        raise AssertionError(f"{messages} were due; {arrived}")
    return (messages - 1) / (last - first)


def _when(bench: Bench, total: int) -> float:
    deadline = perf_counter() + PATIENCE
    while bench.sink.arrived().total < total:
        if perf_counter() > deadline:
            raise TimeoutError(f"only {bench.sink.arrived()} of {total} messages arrived")
        sleep(0.02)
    return perf_counter()


def _lateness(bench: Bench, people: list[UUID]) -> Row:
    count = STEADY_RATE * STEADY_SECONDS
    with _workers(bench):
        begin = clock.now() + timedelta(seconds=2)
        dues = [begin + timedelta(seconds=place / STEADY_RATE) for place in range(count)]
        asyncio.run(_decide(people, "email", dues=dues))
        total = bench.sink.arrived().total + count
        while bench.sink.arrived().total < total:
            _wake("email")
            sleep(1)
        sleep(1)  # what arrived last is recorded
    with psycopg.connect(bench.database) as connection:
        late = [
            float(seconds)
            for (seconds,) in connection.execute(
                "SELECT extract(epoch FROM sent_at - due_at) FROM deliveries WHERE due_at >= %s",
                (begin,),
            )
        ]
    p99 = statistics.quantiles(late, n=100)[98]
    what = f"lateness of reminders at {STEADY_RATE} per second, p99"
    return Row.at_most(what, p99, "s", most=1)
