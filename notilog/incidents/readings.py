"""How many incidents there are, for Prometheus."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.incidents import incidents
from notilog.metrics.gauges import COUNTED_UP_TO, Gauge, Reading

INCIDENTS: Final = Gauge(
    "notilog_incidents",
    f"Incidents by their state; those that are resolved are counted up to {COUNTED_UP_TO}.",
    ("state",),
)


async def readings(tx: AsyncSession, _now: datetime) -> list[Reading]:
    """What is so now."""
    return [INCIDENTS.by(await incidents.by_state(tx, most_resolved=COUNTED_UP_TO))]
