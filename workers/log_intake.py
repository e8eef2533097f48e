"""The step of a worker that empties the intake of logs into the database; not made of tasks.

Only a worker that consumes the queue ``logs`` has it. It reads several batches at once, stores them
in one transaction, and only then tells the broker. While the database is away it keeps what it has
read and tries again; the rest waits in the broker.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
import structlog
from celery import bootsteps
from sqlalchemy.exc import SQLAlchemyError

from notilog import clock, config
from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.logs import partitions, progress, room, store
from notilog.logs.batch import MARK, Batch, Message
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
OUTAGES = (Unavailable, SQLAlchemyError, psycopg.Error, OSError)


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

    def start(self, parent: Any) -> None:
        super().start(parent)
        self._looking = runtime.submit(room.keep_looking())

    def stop(self, parent: Any) -> None:
        super().stop(parent)
        self._looking.cancel()
        runtime.submit(close()).result(STOP_PATIENCE)


async def commit(messages: Sequence[Message]) -> None:
    """Store what the messages carry, however long the database stays away.

    Meanwhile who has them from the broker sees to it that nobody else gets them.
    """
    now = clock.now()
    marks = [message for message in messages if message.type == MARK]
    batches = received([message for message in messages if message.type != MARK], now=now)
    with progress.holding(min((message.accepted_at or now for message in messages), default=now)):
        if batches:
            await _store_and_hand(batches, now)
    if marks:
        await _note(min(now, max(message.accepted_at or now for message in marks)))


async def _store_and_hand(batches: Sequence[Batch], now: datetime) -> None:
    kept, repeated = await _stored(batches, now)
    # Besides what is new: what an earlier try, or an earlier worker, stored without handing it on.
    ids = {batch.id for batch in kept.fresh}
    again = [batch for batch in batches if batch.id not in ids and (batch.again or repeated)]
    handed = [*kept.fresh, *again]
    names: Sequence[str] = config.section(LogsSettings).connectors
    for pause in _pauses():
        names = await hand(handed, names)
        if not names:
            break
        await asyncio.sleep(pause)
    _measure(batches, kept)


async def _stored(batches: Sequence[Batch], now: datetime) -> tuple[Kept, bool]:
    """What became of them, and whether an earlier try may have stored them all the same."""
    pauses = _pauses()
    repeated = False
    while True:
        try:
            await partitions.ensure(now)
            async with transaction() as tx:
                kept = await store.keep(tx, batches)
        except OUTAGES:
            log.warning("log_store_postponed", batches=len(batches), exc_info=True)
            repeated = True
            await asyncio.sleep(next(pauses))
        else:
            return kept, repeated


async def _note(mark: datetime) -> None:
    """It does not matter when this fails: another mark follows."""
    try:
        async with transaction() as tx:
            await progress.note(tx, mark)
    except OUTAGES:
        log.warning("log_progress_not_noted", exc_info=True)


def _pauses() -> Iterator[float]:
    """Seconds before each new try."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


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
