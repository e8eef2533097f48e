"""Ten million records: what storing one more million costs, and how long searches take.

The records go through the same packing and the same store as those that arrive, a million for each
of ten days. The last day is still open and has no index for searches; the others have what beat
would have made. Searches are those of `GET /logs` and `GET /logs/histogram`, on a warm cache.
"""

import asyncio
import os
import random
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from time import perf_counter
from typing import Final
from uuid import UUID

import psycopg
from rich.progress import track
from uuid_utils.compat import uuid7

from bench.row import Row
from notilog import clock, config
from notilog import settings as schema
from notilog.db.session import close_database, open_database, reading, transaction
from notilog.logs import counting, counts, indexing, partitions
from notilog.logs.batch import Batch
from notilog.logs.filters import Filters
from notilog.logs.limits import LogsSettings
from notilog.logs.record import Record
from notilog.logs.rows import Packer
from notilog.logs.search import search
from notilog.logs.store import keep
from notilog.users.caller import Caller
from tests.servers import postgres

SCALE: Final = float(os.environ.get("BENCH_SCALE", "1"))
DAYS: Final = 10
A_DAY: Final = max(20_000, int(1_000_000 * SCALE))
BATCH: Final = 5_000
GROUP: Final = 8
SEARCHES: Final = 100
PROJECTS: Final = tuple(f"project-{number}" for number in range(20))
MODULES: Final = tuple(f"module-{number}" for number in range(50))
LEVELS: Final = ("info",) * 90 + ("warning",) * 7 + ("error",) * 2 + ("critical",)
WORDS: Final = tuple(f"word{number}" for number in range(5_000))
ADMIN: Final = Caller(UUID(int=0), "bench", "admin", scopes=None, project=None)


def run() -> list[Row]:
    """Store ten days, then search."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        postgres.cluster(Path(folder) / "postgres") as cluster,
        cluster.fresh_database() as database,
    ):
        os.environ["NOTILOG_DATABASE_URL"] = database
        os.environ["NOTILOG_REDIS_URL"] = "redis://127.0.0.1:1/0"
        os.environ["NOTILOG_SECRET_KEY"] = token_hex()
        os.environ["NOTILOG_DATABASE__STATEMENT_TIMEOUT"] = "300"
        _begin_earlier(database)
        return asyncio.run(_measured())


def _begin_earlier(database: str) -> None:
    """An empty database whose first partition ends ten days ago, as one that has run for long."""
    first = _midnight() - timedelta(days=DAYS - 1)
    with psycopg.connect(database, autocommit=True) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = 'log_records'::regclass"
            )
        ]
        for name in names:
            connection.execute(f"ALTER TABLE log_records DETACH PARTITION {name}".encode())
            if name != "log_records_past":
                connection.execute(f"DROP TABLE {name}".encode())
        connection.execute(
            "ALTER TABLE log_records ATTACH PARTITION log_records_past"
            f" FOR VALUES FROM (MINVALUE) TO ('{first.isoformat()}')".encode()
        )


def _midnight() -> datetime:
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0)


async def _measured() -> list[Row]:
    await open_database(schema.load())
    await partitions.make_ahead(clock.now(), days=2)
    ago = track(range(DAYS - 1, -1, -1), description=f"storing {DAYS * A_DAY:,} records")
    seconds = [await _store(_midnight() - timedelta(days=days)) for days in ago]
    for _ in range(100):
        async with transaction() as tx:
            if not await counts.merge(tx, clock.now() + timedelta(days=2)):
                break
    while await indexing.index(_midnight() + timedelta(days=1)):
        pass
    found = [await _search(), await _words(), await _histogram()]
    await close_database()
    return [_row_of_storing(seconds), *found]


def _row_of_storing(seconds: list[float]) -> Row:
    first, tenth = A_DAY / seconds[0], A_DAY / seconds[-1]
    return Row(
        what=f"storing the tenth of {DAYS} × {A_DAY:,} records",
        ours=tenth,
        unit="records/s",
        peer_name="storing the first",
        peer=first,
        ratio=tenth / first,
        target=">= 0.8",
        met=tenth / first >= 0.8,
    )


async def _store(day: datetime) -> float:
    """Seconds that the store took for a day, without the packing."""
    step = timedelta(days=1) / A_DAY
    taken = 0.0
    for begin in range(0, A_DAY, BATCH * GROUP):
        batches = [
            _batch(day, step, range(first, min(first + BATCH, A_DAY)))
            for first in range(begin, min(begin + BATCH * GROUP, A_DAY), BATCH)
        ]
        begun = perf_counter()
        async with transaction() as tx:
            await keep(tx, batches)
        taken += perf_counter() - begun
    return taken


def _batch(day: datetime, step: timedelta, numbers: range) -> Batch:
    packer = Packer(config.section(LogsSettings), arrival=clock.now(), keep_old=True)
    for number in numbers:
        packer.add(_record(day + number * step, number))
    rows, counted = packer.cut()
    return Batch(uuid7(), len(numbers), rows, counts=counted)


def _record(ts: datetime, number: int) -> Record:
    choose = random.choice
    return Record(
        level=choose(LEVELS),
        project=choose(PROJECTS),
        module=choose(MODULES),
        message=f"request {number} of {choose(WORDS)} answered {choose(WORDS)} from 10.0.0.7",
        ts=ts,
        host="web-1",
        attrs={"order": number},
    )


async def _search() -> Row:
    async def one() -> None:
        filters = Filters(project=random.choice(PROJECTS), level=random.choice(LEVELS[88:]))
        await _page(filters)

    return await _p95("10 million records: project and level, newest first", one, target=50)


async def _words() -> Row:
    async def one() -> None:
        words = random.choice(
            (random.choice(WORDS), f"{random.choice(WORDS)} {random.choice(WORDS)}", "answered")
        )
        await _page(Filters(words=words))

    return await _p95("10 million records: full text, newest first", one, target=200)


async def _histogram() -> Row:
    async def one() -> None:
        day = _midnight() - timedelta(days=random.randrange(DAYS))
        filters = Filters(
            since=day, until=day + timedelta(days=1), project=random.choice((None, *PROJECTS))
        )
        async with reading() as tx:
            found = await counting.histogram(
                tx, ADMIN, filters=filters, interval=timedelta(minutes=5), now=datetime.now(UTC)
            )
        if len(found.buckets) != 288:
            raise RuntimeError(f"{len(found.buckets)} intervals of a day")

    return await _p95("10 million records: histogram of a day", one, target=200)


async def _page(filters: Filters) -> None:
    async with reading() as tx:
        found = await search(tx, ADMIN, filters=filters, order="desc", limit=100)
    if not found.records and " " not in (filters.words or ""):
        raise RuntimeError(f"nothing found by {filters}")


async def _p95(what: str, ask: Callable[[], Awaitable[None]], *, target: float) -> Row:
    random.seed(18)
    for _ in range(SEARCHES // 10):
        await ask()
    taken = []
    for _ in range(SEARCHES):
        begun = perf_counter()
        await ask()
        taken.append((perf_counter() - begun) * 1000)
    p95 = statistics.quantiles(taken, n=20)[-1]
    return Row.at_most(f"{what}, p95", p95, "ms", most=target)


if __name__ == "__main__":
    for measured in run():
        print(measured)
