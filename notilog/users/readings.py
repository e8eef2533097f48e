"""How many people and sessions there are, for Prometheus."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.metrics.gauges import COUNTED_UP_TO, Gauge, Reading

USERS: Final = Gauge(
    "notilog_users", f"Accounts by role, counted up to {COUNTED_UP_TO} together.", ("role",)
)
SESSIONS: Final = Gauge(
    "notilog_sessions", f"Sessions that have not expired, counted up to {COUNTED_UP_TO}."
)

_USERS: Final = text(
    """
    SELECT role, count(*) AS users
    FROM (SELECT role FROM users LIMIT :most) AS counted
    GROUP BY role
    """
)
_SESSIONS: Final = text(
    "SELECT count(*) FROM (SELECT FROM sessions WHERE expires_at > :now LIMIT :most) AS counted"
)


async def readings(tx: AsyncSession, now: datetime) -> list[Reading]:
    """Accounts and sessions."""
    users = await tx.execute(_USERS, {"most": COUNTED_UP_TO})
    sessions = await tx.scalar(_SESSIONS, {"now": now, "most": COUNTED_UP_TO})
    return [USERS.by({row.role: row.users for row in users}), SESSIONS.shows(sessions)]
