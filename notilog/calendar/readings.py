"""How much there is in the calendar, and whether its reminders are late, for Prometheus."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.metrics.gauges import COUNTED_UP_TO, Gauge, Reading

SOON: Final = timedelta(hours=1)

EVENTS: Final = Gauge(
    "notilog_events",
    f"Events and series, planned or cancelled, counted up to {COUNTED_UP_TO} together.",
    ("state",),
)
REMINDERS: Final = Gauge(
    "notilog_reminders",
    "Reminders: late, whose time came and whose messages are not decided, or due within an hour; "
    f"each counted up to {COUNTED_UP_TO}.",
    ("when",),
)
LATENESS: Final = Gauge(
    "notilog_reminder_late_seconds", "How late the reminder is that is the latest; 0 when none is."
)

_EVENTS: Final = text(
    """
    SELECT count(*) FILTER (WHERE cancelled_at IS NULL) AS planned, count(cancelled_at) AS cancelled
    FROM (SELECT cancelled_at FROM events LIMIT :most) AS counted
    """
)
# Both by the index of what falls due next.
_REMINDERS: Final = text(
    """
    SELECT (SELECT extract(epoch FROM :now - min(next_fire_at)) FROM reminders
            WHERE next_fire_at <= :now) AS lateness,
           (SELECT count(*) FROM (
                SELECT FROM reminders WHERE next_fire_at <= :now LIMIT :most
            ) AS counted) AS late,
           (SELECT count(*) FROM (
                SELECT FROM reminders
                WHERE next_fire_at > :now AND next_fire_at <= :soon
                LIMIT :most
            ) AS counted) AS soon
    """
)


async def readings(tx: AsyncSession, now: datetime) -> list[Reading]:
    """Events, and reminders that are due."""
    events = (await tx.execute(_EVENTS, {"most": COUNTED_UP_TO})).one()
    values = {"now": now, "soon": now + SOON, "most": COUNTED_UP_TO}
    reminders = (await tx.execute(_REMINDERS, values)).one()
    return [
        EVENTS.by({"planned": events.planned, "cancelled": events.cancelled}),
        REMINDERS.by({"late": reminders.late, "within_an_hour": reminders.soon}),
        LATENESS.shows(float(reminders.lateness or 0)),
    ]
