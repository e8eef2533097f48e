"""Thousands of sockets on one node: how late a message to all arrives, and what a socket costs.

The clients are a process of their own. A message is timed from before the transaction that tells
it to its arrival at each client. Memory is the node's proportional set size.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import psutil

from bench.row import Row
from notilog import clock
from notilog import settings as schema
from notilog.db.session import close_database, open_database, transaction
from notilog.realtime import events_queue
from notilog.realtime.events_queue import Notice, tell
from notilog.users import accounts, sessions
from notilog.users.accounts import Name, NewAccount
from tests.servers import postgres, redis
from tests.servers.api import Node, node

SCALE: Final = float(os.environ.get("BENCH_SCALE", "1"))
SOCKETS: Final = max(50, int(5_000 * SCALE))
MESSAGES: Final = 20
PAUSE: Final = 0.5
KIB: Final = 1024
ROOT: Final = Path(__file__).resolve().parents[1]


def run() -> list[Row]:
    """Start everything, measure, stop everything."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with (
            postgres.cluster(folder / "postgres") as cluster,
            cluster.fresh_database() as database,
            redis.server(folder / "redis") as broker,
        ):
            os.environ["NOTILOG_DATABASE_URL"] = database
            os.environ["NOTILOG_REDIS_URL"] = broker.url
            os.environ["NOTILOG_SECRET_KEY"] = token_hex()
            os.environ["PYTHONPATH"] = str(ROOT)
            schema.load()
            with node(folder) as made:
                return asyncio.run(_measured(made))


async def _measured(made: Node) -> list[Row]:
    settings = schema.load()
    await open_database(settings)
    events_queue.open_telling(settings)
    token = await _admin()
    with _crowd(made.url, token, 1) as one:
        await _answer(one)
        before = _memory(made)
    with _crowd(made.url, token, SOCKETS) as crowd:
        await _answer(crowd)
        each = (_memory(made) - before) / (SOCKETS - 1)
        for _ in range(MESSAGES):
            async with transaction() as tx:
                tell(tx, "observers", [Notice({"at": time.time()})])
            await asyncio.sleep(PAUSE)
        assert crowd.stdin is not None  # noqa: S101  it is a pipe
        crowd.stdin.write(f"{MESSAGES}\n")
        crowd.stdin.flush()
        found = await _answer(crowd)
    await events_queue.close_telling()
    await close_database()
    return [_of_lateness(found["late"]), _of_losses(found["lost"]), _of_memory(each)]


async def _admin() -> str:
    name = Name(first="Bench", last="Mark")
    account = NewAccount(login="bench", name=name, role="admin")
    async with transaction() as tx:
        row = await accounts.create(tx, account, password_hash=None)
        return (await sessions.open_session(tx, row.id, now=clock.now())).id


@contextmanager
def _crowd(url: str, token: str, count: int) -> Iterator[subprocess.Popen[str]]:
    command = (sys.executable, "-m", "bench.socket_crowd", url, token, str(count))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        assert process.stdin is not None  # noqa: S101  it is a pipe
        process.stdin.close()


async def _answer(crowd: subprocess.Popen[str]) -> dict[str, Any]:
    assert crowd.stdout is not None  # noqa: S101  it is a pipe
    found: dict[str, Any] = json.loads(await asyncio.to_thread(crowd.stdout.readline))
    return found


def _memory(made: Node) -> float:
    """KiB of the node."""
    memory: float = psutil.Process(made.process.pid).memory_full_info().pss
    return memory / KIB


def _row(what: str, ours: float, unit: str, *, target: str, met: bool) -> Row:
    return Row(
        what=f"sockets: {what}",
        ours=ours,
        unit=unit,
        peer_name="",
        peer=0,
        ratio=0,
        target=target,
        met=met,
    )


def _of_lateness(late: list[float]) -> Row:
    p99 = 1000 * statistics.quantiles(late, n=100)[-1]
    what = f"one message to all of {SOCKETS:,} on one node, p99 of its arrivals"
    return _row(what, p99, "ms", target="<= 1,000 ms", met=p99 <= 1000)


def _of_losses(lost: int) -> Row:
    what = f"messages lost of {SOCKETS * MESSAGES:,}"
    return _row(what, lost, "", target="none", met=lost == 0)


def _of_memory(each: float) -> Row:
    what = f"memory of the node for each of {SOCKETS:,}"
    return _row(what, each, "KiB", target="<= 64 KiB", met=each <= 64)


if __name__ == "__main__":
    for measured in run():
        print(measured)
