"""Observers when something fails: how long until all of them run elsewhere, or have stopped.

Two beats, and workers in processes of their own, with the settings that NotiLog comes with: a lease
is of 30 seconds, and beat looks every 5. Each figure is that of the last of the observers.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Final

from celery import Celery
from sqlalchemy import select

from bench.row import Row
from bench.waking import waking
from notilog import clock
from notilog import settings as schema
from notilog.db.session import close_database, open_database, transaction
from notilog.observers import observers
from notilog.observers.tables import ObserverRow, State
from notilog.ops.embedded import Program
from notilog.users.caller import Caller
from tests.servers import postgres, redis
from tests.servers import worker as servers
from tests.servers.process import running

OBSERVERS: Final = 20
PATIENCE: Final = 120.0
LEASE_AND_LOOKS: Final = 40.0
"""Seconds: the lease, a look of beat or two, and what a start takes."""
AT_ONCE: Final = 5.0
"""Seconds for what has not to wait for a lease."""
ENDS: Final = {
    "stops (SIGTERM)": (signal.SIGTERM, AT_ONCE),
    "was killed (SIGKILL)": (signal.SIGKILL, LEASE_AND_LOOKS),
    "stands still (SIGSTOP)": (signal.SIGSTOP, LEASE_AND_LOOKS),
}


def run() -> list[Row]:
    """Start everything, let it fail, stop everything."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        cluster = stack.enter_context(postgres.cluster(folder / "postgres"))
        database = stack.enter_context(cluster.fresh_database())
        os.environ["NOTILOG_DATABASE_URL"] = database
        os.environ["NOTILOG_SECRET_KEY"] = token_hex()
        os.environ["NOTILOG_OBSERVERS__ALLOW_PRIVATE"] = "true"
        return asyncio.run(_measured(folder, stack))


async def _measured(folder: Path, stack: ExitStack) -> list[Row]:
    with redis.server(folder / "redis") as broker:
        os.environ["NOTILOG_REDIS_URL"] = broker.url
        await open_database(schema.load())
        beat = Program((*servers.CELERY, "beat"))
        for number in range(2):
            log = folder / f"beat{number}.log"
            stack.enter_context(running(beat, log, cwd=folder, env=servers.environment()))
        app = stack.enter_context(waking())
        rows = [row async for row in _taken_over(folder)]
        stack.enter_context(servers.worker(folder, name="last"))
        rows += [row async for row in _stopped(app)]
    with redis.server(folder / "redis"):
        begun = monotonic()
        await _start()
        await _until("running", on="last")
        what = "observers: running, started the moment Redis is back"
        rows.append(Row.at_most(what, monotonic() - begun, "s", most=LEASE_AND_LOOKS))
    await close_database()
    return rows


async def _taken_over(folder: Path) -> AsyncIterator[Row]:
    """From one worker to the next, for each way in which a worker ends."""
    with ExitStack() as stack:
        worker = stack.enter_context(servers.worker(folder, name="first"))
        await _make()
        await _until("running", on="first")
        for how, (sent, most) in ENDS.items():
            other = stack.enter_context(servers.worker(folder, name=sent.name))
            begun = monotonic()
            worker.process.send_signal(sent)
            await _until("running", on=sent.name)
            what = f"observers: running elsewhere when their worker {how}"
            yield Row.at_most(what, monotonic() - begun, "s", most=most)
            worker = other


async def _stopped(app: Celery) -> AsyncIterator[Row]:
    for how in ("over the API", "by control terminate", "by control revoke"):
        await _start()
        await _until("running", on="last")
        tasks = [row.task_id for row in await _rows()]
        begun = monotonic()
        match how:
            case "over the API":
                await _stop()
            case "by control terminate":
                await asyncio.to_thread(app.control.terminate, tasks, signal="SIGTERM")
            case _:
                await asyncio.to_thread(app.control.revoke, tasks)
        await _until("stopped")
        what = f"observers: {OBSERVERS} stopped {how}"
        yield Row.at_most(what, monotonic() - begun, "s", most=2)


async def _make() -> None:
    async with transaction() as tx:
        for number in range(OBSERVERS):
            await observers.create(
                tx,
                Caller.of_operator(),
                name=f"bench {number}",
                kind="http_probe",
                env={"url": "http://127.0.0.1:9/", "interval": 5},
                now=clock.now(),
            )


async def _start() -> None:
    async with transaction() as tx:
        for row in await _rows():
            await observers.start(tx, Caller.of_operator(), observer_id=row.id, now=clock.now())


async def _stop() -> None:
    async with transaction() as tx:
        for row in await _rows():
            await observers.stop(tx, Caller.of_operator(), observer_id=row.id, now=clock.now())


async def _rows() -> list[ObserverRow]:
    async with transaction() as tx:
        return list(await tx.scalars(select(ObserverRow)))


async def _until(state: State, *, on: str = "") -> None:
    """Wait until all are in the state, on the worker of that name."""
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        rows = await _rows()
        if all(row.state == state and (row.worker or "").startswith(on) for row in rows):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"not all observers are {state}, {PATIENCE:g} s")


if __name__ == "__main__":
    for measured in run():
        print(measured)
