"""A thousand Discord observers in one worker: what each costs, and how soon an event is a row.

The Discord is ours, in a process of its own; each observer has a bot of its own, and so its own
connection. Memory is the worker's proportional set size. An event is timed from when the Discord
sends it to the commit of its row, by PostgreSQL's own timestamps of commits.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any, Final

import psutil
import psycopg

from bench.row import Row
from bench.waking import waking
from notilog import clock
from notilog import settings as schema
from notilog.db.session import close_database, open_database, transaction
from notilog.observers import observers
from notilog.ops.embedded import Program, prepare_postgres
from notilog.ops.services import services
from notilog.users.caller import Caller
from tests.servers import postgres, redis
from tests.servers.process import running

SCALE: Final = float(os.environ.get("BENCH_SCALE", "1"))
OBSERVERS: Final = max(20, int(1_000 * SCALE))
A_SECOND: Final = 500
SECONDS: Final = max(4, int(20 * SCALE))
PATIENCE: Final = 300.0
MIB: Final = 1024 * 1024
ROOT: Final = Path(__file__).resolve().parents[1]


def run() -> list[Row]:
    """Start everything, measure, stop everything."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        _note_commits(folder / "postgres")
        with (
            postgres.cluster(folder / "postgres") as cluster,
            cluster.fresh_database() as database,
            redis.server(folder / "redis") as broker,
            _crowd() as crowd,
        ):
            os.environ["NOTILOG_DATABASE_URL"] = database
            os.environ["NOTILOG_REDIS_URL"] = broker.url
            os.environ["NOTILOG_SECRET_KEY"] = token_hex()
            os.environ["NOTILOG_OBSERVERS__ALLOW_PRIVATE"] = "true"
            os.environ["PYTHONPATH"] = str(ROOT)
            schema.load()
            return asyncio.run(_measured(folder, database, crowd))


def _note_commits(home: Path) -> None:
    cluster = prepare_postgres(home)
    with (cluster.data / "postgresql.conf").open("a") as file:
        file.write("track_commit_timestamp = on\n")


@contextmanager
def _crowd() -> Iterator[subprocess.Popen[str]]:
    command = (sys.executable, "-m", "bench.discord_crowd", str(OBSERVERS))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()  # a thousand connections to be polite to are of no use any more


async def _measured(folder: Path, database: str, crowd: subprocess.Popen[str]) -> list[Row]:
    assert crowd.stdout is not None  # noqa: S101  it is a pipe
    assert crowd.stdin is not None  # noqa: S101
    place = json.loads(await asyncio.to_thread(crowd.stdout.readline))
    await open_database(schema.load())
    service = services(host="127.0.0.1", port=0, flower_port=0)["worker-observers"]
    program = Program((sys.executable, *service.command[1:]))
    log = folder / "worker.log"
    with running(program, log, cwd=folder) as process, waking():
        await _until(lambda: _holds("ready." in log.read_text()), "the worker's start")
        worker = psutil.Process(process.pid)
        first, *others = place["tokens"]
        await _observe(place["api_base"], [first])
        await _until(lambda: _are_running(1), "the first observer")
        one = _memory(worker)
        begun = monotonic()
        await _observe(place["api_base"], others)
        await _until(lambda: _are_running(OBSERVERS), "all observers")
        starting = monotonic() - begun
        many = _memory(worker)
        crowd.stdin.write(f"{SECONDS * A_SECOND} {A_SECOND}\n")
        crowd.stdin.flush()
        sent = json.loads(await asyncio.to_thread(crowd.stdout.readline))
        late = await _lateness(database, {int(member): at for member, at in sent.items()})
    await close_database()
    return [_of_memory(one, many), _of_starting(starting), _of_lateness(late)]


async def _observe(api_base: str, tokens: list[str]) -> None:
    for token in tokens:
        async with transaction() as tx:
            await observers.create(
                tx,
                Caller.of_operator(),
                name="bench",
                kind="discord_voice",
                env={"token": token, "api_base": api_base},
                now=clock.now(),
            )


async def _are_running(number: int) -> bool:
    async with transaction() as tx:
        states = [str(one.state) for one in await observers.statuses(tx)]
        return states.count("running") == number


async def _holds(condition: bool) -> bool:  # noqa: FBT001  a value as a coroutine
    return condition


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = monotonic() + PATIENCE
    while not await condition():
        if monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}, {PATIENCE:g} s")
        await asyncio.sleep(0.25)


def _memory(worker: psutil.Process) -> float:
    """MiB of the process and its children."""
    processes = [worker, *worker.children(recursive=True)]
    return sum(one.memory_full_info().pss for one in processes) / MIB


async def _lateness(database: str, sent: dict[int, float]) -> list[float]:
    """Milliseconds from an event to its commit."""
    committed: dict[int, float] = {}

    async def are_there() -> bool:
        committed.update(await asyncio.to_thread(_committed, database))
        return len(committed) >= len(sent)

    await _until(are_there, "the last row")
    return [1000 * (committed[member] - at) for member, at in sent.items()]


def _committed(database: str) -> dict[int, float]:
    query = (
        "SELECT member_id, extract(epoch FROM pg_xact_commit_timestamp(xmin))"
        " FROM voice_actions WHERE kind = 'join'"
    )
    with psycopg.connect(database) as connection:
        found: list[Any] = connection.execute(query).fetchall()
    return {int(member): float(at) for member, at in found}


def _of_memory(one: float, many: float) -> Row:
    each = (many - one) / (OBSERVERS - 1)
    what = f"observers: memory of each of {OBSERVERS:,} in one worker, beyond the first"
    return Row.at_most(what, each, "MiB", most=0.5)


def _of_starting(seconds: float) -> Row:
    what = f"observers: all of {OBSERVERS:,} made, identified and running, each with its own bot"
    return Row.at_most(what, seconds, "s", most=60)


def _of_lateness(late: list[float]) -> Row:
    p99 = statistics.quantiles(late, n=100)[-1]
    what = f"observers: event to committed row, {A_SECOND} events/s, p99"
    return Row.at_most(what, p99, "ms", most=500)


if __name__ == "__main__":
    for measured in run():
        print(measured)
