"""Finding channels on which something is due, so that no lost wake-up matters."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config, jobs
from notilog.notifications.attempts import DeliveriesSettings
from notilog.notifications.channels import CHANNELS
from notilog.notifications.deliveries import SEND

_DUE = text(
    """
    SELECT channel FROM unnest(CAST(:channels AS text[])) AS channel
    WHERE EXISTS (
        SELECT FROM deliveries AS d
        WHERE d.channel = channel.channel AND d.status IN ('pending', 'sending')
          AND d.attempt_at <= :until
    )
    """
)


async def sweep(tx: AsyncSession, now: datetime) -> list[str]:
    """Wake the sender of every channel that has something due within the lookahead."""
    lookahead = timedelta(seconds=config.section(DeliveriesSettings).lookahead)
    found = await tx.scalars(_DUE, {"channels": list(CHANNELS), "until": now + lookahead})
    due = list(found)
    for channel in due:
        jobs.wake(SEND, channel)
    return due
