"""The intake of logs on Redis: readers of the stream, as coroutines on the worker's loop."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Any

import structlog
from redis.exceptions import RedisError

from notilog import config
from notilog.logs import stream
from notilog.logs.batch import Message
from notilog.logs.limits import LogsSettings
from notilog.logs.stream import Entry, Reader
from workers import runtime

log = structlog.get_logger(__name__)

GROUP_BATCHES = 32
WAIT = 1.0
RECONNECT_PAUSE = 0.5
STOP_PATIENCE = 5.0


Commit = Callable[[Sequence[Message]], Coroutine[Any, Any, None]]
"""Stores what messages carry; see `workers.log_intake.commit`."""


class StreamIntake:
    """Several readers, so that one reads and unpacks while PostgreSQL works for another."""

    def __init__(self, broker: str, *, lanes: int, commit: Commit) -> None:
        self._broker = broker
        self._lanes = lanes
        self._commit = commit
        self._stopping = asyncio.Event()
        self._running: Future[None] | None = None

    def start(self) -> None:
        self._running = runtime.submit(self._run())

    def stop(self) -> None:
        """Finish the groups being stored; what is not finished in time stays in the stream."""
        running, self._running = self._running, None
        if running is None:
            return
        runtime.call(self._stopping.set)
        try:
            running.result(STOP_PATIENCE)
        except TimeoutError:
            running.cancel()

    async def _run(self) -> None:
        client = stream.connect(self._broker)
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(self._lanes):
                    lanes.create_task(self._lane(client))
        finally:
            await client.aclose()

    async def _lane(self, client: stream.Client) -> None:
        claim_after = config.section(LogsSettings).claim_after
        reader = Reader(client, claim_after=claim_after)
        while not self._stopping.is_set():
            try:
                await self._serve(reader, claim_every=claim_after / 3)
            except (RedisError, OSError) as error:
                log.warning("log_stream_lost", reason=str(error))
                await asyncio.sleep(RECONNECT_PAUSE)
            except Exception:
                log.exception("log_stream_failed")
                await asyncio.sleep(RECONNECT_PAUSE)

    async def _serve(self, reader: Reader, *, claim_every: float) -> None:
        await reader.prepare()
        claimed_at = -claim_every
        while not self._stopping.is_set():
            if monotonic() - claimed_at >= claim_every:
                claimed_at = monotonic()
                await reader.remove_the_dead()
                await self._store(reader, await reader.claim(GROUP_BATCHES))
            await self._store(reader, await reader.read(GROUP_BATCHES, wait=WAIT))
        await reader.leave()

    async def _store(self, reader: Reader, entries: list[Entry]) -> None:
        if not entries:
            return

        holding = asyncio.create_task(_hold(reader, entries))
        try:
            await self._commit([entry.message for entry in entries])
        finally:
            holding.cancel()
        await reader.done(entries)
        # One record by itself is stored at once. Under load the next ones come together, since a
        # transaction of sixteen batches costs hardly more than a transaction of one.
        await asyncio.sleep(config.section(LogsSettings).gather_ms / 1000)


async def _hold(reader: Reader, entries: list[Entry]) -> None:
    """Keep saying that the entries are worked on, so that no other reader claims them."""
    while True:
        await asyncio.sleep(config.section(LogsSettings).claim_after / 3)
        try:
            await reader.hold(entries)
        except (RedisError, OSError) as error:
            log.warning("log_stream_not_held", reason=str(error))
