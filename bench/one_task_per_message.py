"""The peer of the bench of reminders: a plain Celery app, one task for each message.

It sends with the very channel that NotiLog uses, kept open by each process of a prefork worker,
and claims and records each delivery by itself.
"""

import asyncio
import os
from typing import Any
from uuid import UUID

import uvloop
from celery import Celery, signals
from sqlalchemy import text

from notilog import clock
from notilog import settings as schema
from notilog.db.session import open_database, transaction
from notilog.notifications import rendering
from notilog.notifications.channels import open_channel
from notilog.notifications.channels.channel import Channel, Recipient
from notilog.notifications.rendering import Reader

CLAIM = text(
    """
    UPDATE deliveries AS d SET status = 'sending', attempts = attempts + 1
    FROM users AS u
    WHERE d.id = :id AND u.id = d.user_id AND d.status = 'pending'
    RETURNING d.channel, d.content, d.due_at, u.login, u.email, u.language, u.timezone
    """
)
RECORD = text("UPDATE deliveries SET status = 'sent', sent_at = :now WHERE id = :id")

app = Celery("peer", broker=os.environ["NOTILOG_REDIS_URL"])
app.conf.update(
    task_ignore_result=True, worker_prefetch_multiplier=32, broker_connection_retry_on_startup=True
)

runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)  # makes its loop when first used
channels: dict[str, Channel] = {}


def prepare(**_: Any) -> None:
    """Open the database in a process of the pool, after it was forked."""
    runner.run(open_database(schema.load()))


signals.worker_process_init.connect(prepare)


@app.task(name="peer.send")  # type: ignore[untyped-decorator]  # celery is untyped
def send(delivery_id: str) -> None:
    runner.run(_send(UUID(delivery_id)))


async def _send(delivery_id: UUID) -> None:
    async with transaction() as tx:
        row = (await tx.execute(CLAIM, {"id": delivery_id})).one()
    if row.channel not in channels:
        channels[row.channel] = open_channel(row.channel)
    message = rendering.reminder(
        delivery_id,
        row.content,
        reader=Reader(
            row.login, row.language, row.timezone, row.channel, channels[row.channel].markup
        ),
        due_at=row.due_at,
        late=False,
    )
    await channels[row.channel].send(message, Recipient(row.login, row.email))
    async with transaction() as tx:
        await tx.execute(RECORD, {"id": delivery_id, "now": clock.now()})
