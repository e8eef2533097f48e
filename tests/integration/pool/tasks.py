"""Tasks that only tests run; each notes in Redis what happened to it."""

import asyncio
import threading
import time
from typing import Any

import redis.asyncio
from sqlalchemy import text

from notilog import config, jobs
from notilog.db.session import reading, transaction
from workers.app import app
from workers.job import ending

NOTES = "notes"
LONG = 3600


async def note(words: str) -> None:
    url = config.current().core.redis_url.get_secret_value()
    async with redis.asyncio.from_url(url) as client:
        await client.rpush(NOTES, words)


async def _hold(name: str) -> None:
    await note(f"{name} holds")
    try:
        await asyncio.sleep(LONG)
    except asyncio.CancelledError:
        reason = ending()
        await note(f"{name} ended by {reason.value if reason else 'nobody'}")
        raise


@app.task(name="pool.hold")
async def hold(name: str) -> None:
    await _hold(name)


@app.task(name="pool.hold_until_revoked", ends_on_revoke=True)
async def hold_until_revoked(name: str) -> None:
    await _hold(name)


@app.task(name="pool.hold_until_shutdown", stops_on_shutdown=True)
async def hold_until_shutdown(name: str) -> None:
    await _hold(name)


@app.task(name="pool.hold_late", acks_late=True)
async def hold_late(name: str) -> None:
    await _hold(name)


@app.task(name="pool.sleep")
async def sleep(name: str, seconds: float) -> None:
    await note(f"{name} sleeps")
    await asyncio.sleep(seconds)
    await note(f"{name} woke")


@app.task(name="pool.identity", bind=True, ignore_result=False)
async def identity(self: Any) -> str:
    await asyncio.sleep(0.01)
    return str(self.request.id)


@app.task(name="pool.database", ignore_result=False)
async def database() -> int:
    async with reading() as session:
        return int(await session.scalar(text("SELECT 42")) or 0)


@app.task(name="pool.plain", ignore_result=False)
def plain() -> str:
    return threading.current_thread().name


@app.task(name="pool.wake")
async def wake(name: str) -> None:
    async with transaction():
        jobs.wake("pool.sleep", name, 0)


@app.task(name="pool.fail")
async def fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("wrong on purpose")


@app.task(name="pool.cancel_itself")
async def cancel_itself() -> None:
    raise asyncio.CancelledError


@app.task(name="pool.leave")
async def leave() -> None:
    raise SystemExit(3)


@app.task(name="pool.soft", soft_time_limit=0.3)
async def soft() -> None:
    await asyncio.sleep(LONG)


@app.task(name="pool.hard", time_limit=0.3)
async def hard() -> None:
    while True:  # a task that does not end when it is told to
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            reason = ending()
            await note(f"stubborn, told {reason.value if reason else 'nothing'}")


@app.task(name="pool.block")
async def block(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251  what the watchdog is for
