"""What beat tells of itself and of the queues, and the dead man's signal."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import structlog
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from notilog import clock, config
from notilog.db.session import transaction
from notilog.health import dead_man, report, servers, signs
from notilog.health.judging import complaints
from notilog.logs import room, stream
from notilog.logs.batch import EXCHANGE, NAME, QUEUE
from notilog.queues import QUEUES
from workers.app import app

log = structlog.get_logger(__name__)


@app.task(name="health.look")
async def look() -> None:
    """Sent by beat: whoever runs it has heard of beat, and looks at the queues."""
    counts = await asyncio.to_thread(_tasks_waiting)
    counts[NAME] = await _logs_waiting(config.current().core.broker)
    now = clock.now()
    async with transaction() as tx:
        await signs.tell(tx, signs.BEAT, {"waiting": counts}, now=now)
        await signs.forget_old(tx, now)


@app.task(name="health.dead_man")
async def signal() -> None:
    """Tell whoever watches from outside that all is well; nothing when it is not."""
    await room.look()
    failing = await servers.failing(_broker_answers)
    async with transaction() as tx:
        seen = await report.seen(tx, clock.now(), failing=failing)
    found = complaints(seen, queues=QUEUES)
    if found:
        log.warning("platform_not_well", problems=found)
    else:
        await dead_man.signal()


async def _broker_answers() -> None:
    await asyncio.to_thread(_connect)


def _connect() -> None:
    with app.connection_for_write() as connection:
        connection.ensure_connection(
            max_retries=1, interval_start=0, reraise_as_library_errors=True
        )


def _tasks_waiting() -> dict[str, int]:
    """Tasks by queue."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        return {name: _waiting(app.amqp.queues[name], channel) for name in QUEUES}


async def _logs_waiting(broker: str) -> int:
    """Log batches that are not stored yet; on RabbitMQ without those that a worker holds."""
    if urlsplit(broker).scheme.startswith("redis"):
        client = stream.connect(broker)
        try:
            return await stream.waiting(client)
        finally:
            await client.aclose()

    def count() -> int:
        with Connection(broker) as connection:
            queue = Queue(exchange=Exchange(**EXCHANGE), **QUEUE)
            return _waiting(queue, connection.default_channel)

    return await asyncio.to_thread(count)


def _waiting(queue: Queue, channel: Any) -> int:
    return int(queue(channel).queue_declare().message_count)
