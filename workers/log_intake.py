"""The step of a worker that empties the intake of logs into the database; not made of tasks.

Only a worker that consumes the queue ``logs`` has it. It reads several batches at once, stores them
in one transaction, and only then tells the broker. While the database is away it keeps what it has
read and tries again; the rest waits in the broker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import structlog
from celery import bootsteps

from notilog import clock, config
from notilog.db.session import transaction
from notilog.logs import partitions, store
from notilog.logs.batch import Batch, Message
from notilog.logs.handing import hand
from notilog.logs.intake import received
from notilog.logs.limits import LogsSettings
from notilog.logs.measures import RECORDS, STORED
from notilog.logs.store import Kept
from workers.log_queue import QueueIntake
from workers.log_stream import StreamIntake

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


async def commit(messages: Sequence[Message], *, hold: Callable[[], Awaitable[None]]) -> None:
    """Store what the messages carry, however long the database stays away.

    Args:
        messages: as they came from the broker.
        hold: called before each new try, so that the broker gives them to nobody else.
    """
    now = clock.now()
    batches = [received(message, now=now) for message in messages]
    again = {batch.id for batch in batches if batch.again}
    pause = FIRST_PAUSE
    longest_pause = min(LONGEST_PAUSE, config.section(LogsSettings).claim_after / 3)
    while True:
        try:
            await partitions.ensure(now)
            async with transaction() as tx:
                kept = await store.keep(tx, batches)
            # What was stored before this worker got it, but perhaps by one that died then.
            await hand([batch for batch in batches if batch.id in kept.fresh | again])
        except Exception:
            log.warning("log_store_postponed", batches=len(batches), exc_info=True)
            await asyncio.sleep(pause)
            await hold()
            pause = min(2 * pause, longest_pause)
            again.update(batch.id for batch in batches)
        else:
            break
    _measure(batches, kept)


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
