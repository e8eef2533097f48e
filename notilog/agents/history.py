"""What changed of agents, kept for some days."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog import config, cursors
from notilog.agents.health import Change, What
from notilog.agents.settings import AgentsSettings
from notilog.agents.tables import AgentChangeRow, EnrolmentRow


def remember(tx: AsyncSession, agent_id: UUID, changes: Iterable[Change], *, now: datetime) -> None:
    """Write changes down."""
    tx.add_all(
        AgentChangeRow(
            id=uuid7(),
            agent_id=agent_id,
            at=now,
            what=change.what,
            name=change.name,
            before=change.before,
            after=change.after,
        )
        for change in changes
    )


async def changed_since(tx: AsyncSession, agent_id: UUID, *, what: What, since: datetime) -> bool:
    """Whether a change of this kind was written down since an instant."""
    found = select(AgentChangeRow.id).where(
        AgentChangeRow.agent_id == agent_id,
        AgentChangeRow.what == what,
        AgentChangeRow.at > since,
    )
    return bool(await tx.scalar(select(found.exists())))


async def listing(
    tx: AsyncSession, agent_id: UUID, *, limit: int, cursor: str | None = None
) -> tuple[list[AgentChangeRow], str | None]:
    """What changed of an agent, the newest first, and the cursor of the next page.

    Raises:
        Invalid: the cursor was not given out by this list.
    """
    statement = (
        select(AgentChangeRow)
        .where(AgentChangeRow.agent_id == agent_id)
        .order_by(AgentChangeRow.id.desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(AgentChangeRow.id < cursors.key(cursor))
    found = list(await tx.scalars(statement))
    page = found[:limit]
    return page, str(page[-1].id) if len(found) > limit else None


async def forget(tx: AsyncSession, now: datetime) -> None:
    """Delete changes that are too old, and codes that nobody can use any more."""
    kept_since = now - timedelta(days=config.section(AgentsSettings).history_days)
    await tx.execute(delete(AgentChangeRow).where(AgentChangeRow.at < kept_since))
    await tx.execute(delete(EnrolmentRow).where(EnrolmentRow.expires_at < now))
