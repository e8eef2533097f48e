"""What is measured of deliveries."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.metrics.counted import Counter, Histogram, Metric
from notilog.notifications.channels import CHANNELS

LATENESS: Final = Histogram(
    "notilog_delivery_lateness_seconds",
    "From when a delivery was to leave until it had arrived.",
    ("channel",),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600),
)
DURATION: Final = Histogram(
    "notilog_delivery_duration_seconds",
    "How long one attempt to send took.",
    ("channel",),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
OUTCOMES: Final = Counter(
    "notilog_deliveries_total",
    "Attempts by what became of the delivery: sent, retried, throttled, dead or missed.",
    ("channel", "outcome"),
)
MEASURES: Final[tuple[Metric, ...]] = (LATENESS, DURATION, OUTCOMES)
COUNTED_UP_TO: Final = 100_000

# Bounded, so that a scrape costs little when a channel has been down for days.
_WAITING = text(
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


def attempted(channel: str, *, outcome: str, seconds: float, late: float | None = None) -> None:
    """Count one attempt: how long it took and, when it arrived, how late that was."""
    OUTCOMES.add(channel, outcome)
    DURATION.observe(seconds, channel)
    if late is not None:
        LATENESS.observe(late, channel)


async def waiting(tx: AsyncSession, now: datetime) -> dict[str, int]:
    """How many deliveries are due on each channel; large numbers are not counted to the end."""
    values = {"channels": list(CHANNELS), "now": now, "most": COUNTED_UP_TO}
    found = await tx.execute(_WAITING, values)
    return {row.channel: row.due for row in found}
