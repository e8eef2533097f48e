"""How many deliveries wait, for Prometheus."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.metrics.gauges import COUNTED_UP_TO, Gauge, Reading
from notilog.notifications.channels import CHANNELS

WAITING: Final = Gauge(
    "notilog_deliveries_waiting",
    f"Deliveries that are due and not sent, counted up to {COUNTED_UP_TO}.",
    ("channel",),
)

# Bounded, so that a scrape costs little when a channel has been down for days.
_WAITING: Final = text(
    """
    SELECT channel, (
        SELECT count(*) FROM (
            SELECT FROM deliveries AS d
            WHERE d.channel = kinds.channel AND d.status IN ('pending', 'sending')
              AND d.attempt_at <= :now
            LIMIT :most
        ) AS counted
    ) AS due
    FROM unnest(CAST(:channels AS text[])) AS kinds (channel)
    """
)


async def readings(tx: AsyncSession, now: datetime) -> list[Reading]:
    """How many are due on each channel."""
    values = {"channels": list(CHANNELS), "now": now, "most": COUNTED_UP_TO}
    found = await tx.execute(_WAITING, values)
    return [WAITING.by({row.channel: row.due for row in found})]
