"""Telling who watches the agents how they are, after it has been committed."""

from collections.abc import Iterable
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.agents.tables import AgentRow
from notilog.db.session import asking
from notilog.realtime.events_queue import Notice, tell

TOPIC: Final = "agents"
_COLUMNS: Final = (
    *(AgentRow.id, AgentRow.name, AgentRow.state, AgentRow.state_since, AgentRow.heartbeat_at),
    *(AgentRow.hostname, AgentRow.program, AgentRow.connected_node, AgentRow.checks),
    *(AgentRow.settings_version, AgentRow.applied_version),
)


def tell_of(tx: AsyncSession, agent_ids: Iterable[UUID]) -> None:
    """Tell how these are by then; nothing of those that were deleted meanwhile."""
    ids = list(agent_ids)
    if ids:
        tell(tx, TOPIC, partial(_how_they_are, ids))


def tell_of_removal(tx: AsyncSession, agent_id: UUID) -> None:
    tell(tx, TOPIC, [Notice({"id": agent_id, "state": "deleted"})])


async def _how_they_are(ids: list[UUID]) -> list[Notice]:
    async with asking(primary=True) as tx:
        found = await tx.execute(select(*_COLUMNS).where(AgentRow.id.in_(ids)))
        return [Notice(dict(row)) for row in found.mappings()]
