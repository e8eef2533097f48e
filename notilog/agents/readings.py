"""How agents are, for Prometheus; there are no more of them than the settings allow."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.agents import registry
from notilog.metrics.gauges import COUNTED_UP_TO, Gauge, Reading

STATES: Final = Gauge("notilog_agents", "Agents by their state.", ("state",))
SILENCE: Final = Gauge(
    "notilog_agent_heartbeat_age_seconds",
    "Since the oldest of the last heartbeats of agents that are not offline.",
)
CHECKS: Final = Gauge(
    "notilog_agent_checks",
    f"Checks of agents that are not offline by their last result, counted up to {COUNTED_UP_TO}.",
    ("result",),
)
SPOOLED: Final = Gauge(
    "notilog_agent_spool_bytes", "What waits to be sent on the disks of agents, as they said last."
)
DROPPED: Final = Gauge(
    "notilog_agent_spool_dropped", "Batches that agents had to drop, as they said last."
)

_ALL: Final = text(
    """
    SELECT extract(epoch FROM :now - min(heartbeat_at) FILTER (WHERE state <> 'offline'))
               AS silence,
           coalesce(sum(CAST(spool ->> 'bytes' AS numeric)), 0) AS spooled,
           coalesce(sum(CAST(spool ->> 'dropped' AS numeric)), 0) AS dropped
    FROM agents
    """
)
_CHECKS: Final = text(
    """
    SELECT count(*) FILTER (WHERE ok) AS ok, count(*) FILTER (WHERE NOT ok) AS failing
    FROM (
        SELECT result.value = 'true' AS ok
        FROM agents CROSS JOIN LATERAL jsonb_each_text(told_checks) AS result
        WHERE state <> 'offline'
        LIMIT :most
    ) AS counted
    """
)


async def readings(tx: AsyncSession, now: datetime) -> list[Reading]:
    """Their states, checks and spools, and for how long one of them has been silent."""
    everyone = (await tx.execute(_ALL, {"now": now})).one()
    checks = (await tx.execute(_CHECKS, {"most": COUNTED_UP_TO})).one()
    return [
        STATES.by(await registry.by_state(tx)),
        SILENCE.shows(max(0.0, float(everyone.silence or 0))),
        CHECKS.by({"ok": checks.ok, "failing": checks.failing}),
        SPOOLED.shows(float(everyone.spooled)),
        DROPPED.shows(float(everyone.dropped)),
    ]
