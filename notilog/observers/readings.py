"""How observers are, for Prometheus."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.metrics.gauges import Gauge, Reading
from notilog.observers import measures

STATES: Final = Gauge("notilog_observers", "Observers by their state.", ("state",))
SILENCE: Final = Gauge(
    "notilog_observer_heartbeat_age_seconds",
    "Since the oldest of the last heartbeats of observers at work.",
)


async def readings(tx: AsyncSession, now: datetime) -> list[Reading]:  # noqa: ARG001  as of all rooms
    """Their states, and for how long one of them has been silent."""
    return [
        STATES.by(await measures.by_state(tx)),
        SILENCE.shows(await measures.oldest_heartbeat(tx)),
    ]
