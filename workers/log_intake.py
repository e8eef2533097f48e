"""The step of a worker that empties the intake of logs into the database; not made of tasks.

Only a worker that consumes the queue ``logs`` has it. It reads several batches at once, stores them
in one transaction, and only then tells the broker. While the database is away it keeps what it has
read and tries again; the rest waits in the broker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from celery import bootsteps

from notilog import clock, config
from notilog.db.session import transaction
from notilog.logs import partitions, store
from notilog.logs.batch import Batch, Message
from notilog.logs.handing import close, hand
from notilog.logs.intake import received
from notilog.logs.limits import LogsSettings
from notilog.logs.measures import RECORDS, STORED
from notilog.logs.store import Kept
from workers import runtime
from workers.log_queue import QueueIntake
from workers.log_stream import STOP_PATIENCE, StreamIntake

log = structlog.get_logger(__name__)

QUEUE = "logs"
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


class LogIntake(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Runs the intake between the start and the stop of the worker's pool."""

    requires = ("celery.worker.components:Pool",)

    def include_if(self, parent: Any) -> bool:
        return QUEUE in parent.app.amqp.queues.consume_from

    def create(self, parent: Any) -> StreamIntake | QueueIntake:  # noqa: ARG002  Celery's signature
        broker = config.current().core.broker
        lanes = config.section(LogsSettings).lanes
        if urlsplit(broker).scheme.startswith("redis"):
            return StreamIntake(broker, lanes=lanes, commit=commit)
        return QueueIntake(broker, lanes=lanes, commit=commit)

    def stop(self, parent: Any) -> None:
        super().stop(parent)
        runtime.submit(close()).result(STOP_PATIENCE)


async def commit(messages: Sequence[Message], *, hold: Callable[[], Awaitable[None]]) -> None:
    """Store what the messages carry, however long the database stays away.

    Args:
        messages: as they came from the broker.
        hold: called before each new try, so that the broker gives them to nobody else.
    """
    now = clock.now()
    batches = [received(message, now=now) for message in messages]
    pauses = _Pauses(hold)
    again = [batch for batch in batches if batch.again]
    while (kept := await _stored(batches, now)) is None:
        again = list(batches)  # it may be stored all the same
        await pauses.next()
    # Besides what is new: what an earlier worker stored, and perhaps died before it handed it on.
    ids = {batch.id for batch in kept.fresh}
    handed = [*kept.fresh, *(batch for batch in again if batch.id not in ids)]
    names: Sequence[str] = config.section(LogsSettings).connectors
    while names := await hand(handed, names):
        await pauses.next()
    _measure(batches, kept)


async def _stored(batches: Sequence[Batch], now: datetime) -> Kept | None:
    """What became of them; None when the database failed."""
    try:
        await partitions.ensure(now)
        async with transaction() as tx:
            return await store.keep(tx, batches)
    except Exception:
        log.warning("log_store_postponed", batches=len(batches), exc_info=True)
        return None


class _Pauses:
    """Waiting before each new try, ever longer, so that the broker gives the messages to nobody."""

    def __init__(self, hold: Callable[[], Awaitable[None]]) -> None:
        self._hold = hold
        self._pause = FIRST_PAUSE
        self._longest = min(LONGEST_PAUSE, config.section(LogsSettings).claim_after / 3)

    async def next(self) -> None:
        await asyncio.sleep(self._pause)
        await self._hold()
        self._pause = min(2 * self._pause, self._longest)


def _measure(batches: Sequence[Batch], kept: Kept) -> None:
    if kept.rejected:
        log.warning("log_records_rejected", records=kept.rejected)
    for outcome in ("stored", "rejected", "repeated"):
        RECORDS.add(outcome, amount=getattr(kept, outcome))
    now = clock.now()
    for batch in batches:
        if batch.accepted_at is not None:
            STORED.observe((now - batch.accepted_at).total_seconds())
    log.debug("log_batches_stored", batches=len(batches), records=kept.stored)
