"""What waits for connectors, and the room that is left for records, for Prometheus."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.logs import handing, room
from notilog.metrics.gauges import Gauge, Reading

WAITING: Final = Gauge(
    "notilog_log_connector_waiting",
    "Stored batches that a connector could not take yet.",
    ("connector",),
)
FREE: Final = Gauge(
    "notilog_disk_free_bytes",
    "What is left for records; nothing when no setting says where to look.",
)
LOWEST: Final = Gauge(
    "notilog_log_lowest_level_taken",
    "The number of the lowest level of records that is taken; above 0 while there is little room.",
)


async def readings(tx: AsyncSession, now: datetime) -> list[Reading]:  # noqa: ARG001  as of all rooms
    """What waits now, and the room as this process saw it last."""
    left = room.current()
    return [
        WAITING.by(await handing.waiting(tx)),
        FREE.shows(left.free),
        LOWEST.shows(left.floor),
    ]
