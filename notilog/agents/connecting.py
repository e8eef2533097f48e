"""Agents as they connect: who one is, what its heartbeats say, and whether it may stay."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog import config
from notilog.agents.health import Change
from notilog.agents.history import changed_since, remember
from notilog.agents.protocol import About, Heartbeat, SettingsRefused
from notilog.agents.settings import AgentsSettings
from notilog.agents.settings_schema import AgentSettings
from notilog.agents.tables import AgentRow
from notilog.agents.telling import tell_of
from notilog.errors import Conflict, Unauthenticated
from notilog.users.caller import Caller
from notilog.users.tables import TokenRow

Fate = Literal["stays", "superseded", "revoked", "deleted"]
VERSIONS_APART: Final = timedelta(minutes=1)
"""A change of an agent's version sooner than this after another is not remembered."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What an agent is told to do; ``heartbeat_seconds`` is told when it connects."""

    version: int
    settings: dict[str, Any]
    heartbeat_seconds: float

    @classmethod
    def of(cls, version: int, settings: dict[str, Any]) -> "Orders":
        told = {key: value for key, value in settings.items() if key != "heartbeat_seconds"}
        usual = config.section(AgentsSettings).heartbeat_seconds
        return cls(version, told, settings.get("heartbeat_seconds") or usual)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a connection may stay; ``orders`` are None unless it may."""

    fate: Fate
    orders: Orders | None = None


async def connected(
    tx: AsyncSession, caller: Caller, *, about: About, connection_id: UUID, node: str, now: datetime
) -> tuple[UUID, Orders]:
    """Note a new connection of the agent that has the caller's token; the one before is to close.

    A token that no agent has yet becomes that of a new one.

    Raises:
        Unauthenticated: the token was deleted just now, or is a session's.
        Conflict: there are as many agents as there may be.
    """
    # Locked, so that of two first connections with one token only one makes an agent.
    token_id = await tx.scalar(
        select(TokenRow.id).where(TokenRow.token_hash == caller.credential).with_for_update()
    )
    if token_id is None:
        raise Unauthenticated("an agent needs an API token")
    row = await tx.scalar(
        select(AgentRow).where(AgentRow.token_id == token_id).with_for_update()
    ) or await added(tx, about, owner=caller.user_id, token_id=token_id, now=now)
    if row.program != about.version and not await changed_since(
        tx, row.id, what="version", since=now - VERSIONS_APART
    ):
        change = Change("version", "", row.program, about.version, is_told=False)
        remember(tx, row.id, [change], now=now)
    row.hostname, row.program = about.name, about.version
    row.system, row.python = about.system, about.python
    row.connection_id, row.connected_node = connection_id, node
    row.heartbeat_at = now
    await tx.flush()
    tell_of(tx, [row.id])
    return row.id, Orders.of(row.settings_version, row.settings)


async def added(
    tx: AsyncSession, about: About, *, owner: UUID, token_id: UUID, now: datetime
) -> AgentRow:
    """A new agent, named as its machine.

    Raises:
        Conflict: there are as many as there may be.
    """
    count = await tx.scalar(select(func.count()).select_from(AgentRow)) or 0
    if count >= config.section(AgentsSettings).most:
        raise Conflict(f"there are {count} agents already; delete some")
    row = AgentRow(
        id=uuid7(),
        name=about.name,
        owner=owner,
        token_id=token_id,
        settings=AgentSettings().model_dump(mode="json"),
        settings_version=1,
        hostname=about.name,
        program=about.version,
        system=about.system,
        python=about.python,
        created_at=now,
        updated_at=now,
        state_since=now,
    )
    tx.add(row)
    await tx.flush()
    return row


async def heard(
    tx: AsyncSession, agent_id: UUID, *, connection_id: UUID, beat: Heartbeat, now: datetime
) -> None:
    """Note a heartbeat, unless the agent has a newer connection or is no more.

    The clock of the platform counts: that of the agent's machine may be wrong.
    """
    said = msgspec.to_builtins(beat)
    await tx.execute(
        update(AgentRow)
        .where(AgentRow.id == agent_id, AgentRow.connection_id == connection_id)
        .values(
            heartbeat_at=now,
            applied_version=beat.settings_version,
            metrics=said["metrics"],
            checks=said["checks"],
            spool=said["spool"],
            files=said["files"],
        )
        .execution_options(synchronize_session=False)
    )


async def refused(
    tx: AsyncSession, agent_id: UUID, *, connection_id: UUID, refusal: SettingsRefused
) -> None:
    """Note that the agent cannot do what a version of its settings says."""
    await tx.execute(
        update(AgentRow)
        .where(AgentRow.id == agent_id, AgentRow.connection_id == connection_id)
        .values(refused_version=refusal.version, refusal=msgspec.to_builtins(refusal.errors))
        .execution_options(synchronize_session=False)
    )


async def standing(
    tx: AsyncSession, agent_id: UUID, *, connection_id: UUID, now: datetime
) -> Standing:
    """Whether this connection is still the newest one, of an agent that is and may be."""
    found = (
        await tx.execute(
            select(
                AgentRow.connection_id,
                AgentRow.settings_version,
                AgentRow.settings,
                TokenRow.id.label("token"),
            )
            .outerjoin(
                TokenRow,
                (TokenRow.id == AgentRow.token_id)
                & or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > now),
            )
            .where(AgentRow.id == agent_id)
        )
    ).one_or_none()
    if found is None:
        return Standing("deleted")
    if found.token is None:
        return Standing("revoked")
    if found.connection_id != connection_id:
        return Standing("superseded")
    return Standing("stays", Orders.of(found.settings_version, found.settings))
