"""Agents as people see them: listed, shown, changed and deleted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from notilog import config, cursors
from notilog.agents import health
from notilog.agents.connecting import Orders
from notilog.agents.health import State
from notilog.agents.settings import AgentsSettings
from notilog.agents.settings_schema import AgentSettings
from notilog.agents.tables import AgentRow
from notilog.agents.telling import tell_of, tell_of_removal
from notilog.errors import FieldError, Invalid, NotFound, Stale
from notilog.incidents.concerning import concern
from notilog.incidents.ending import all_over
from notilog.incidents.opening import Recipient
from notilog.users.tables import TokenRow, UserRow


@dataclass(frozen=True, slots=True)
class Wanted:
    """Changes of an agent; None leaves as it is."""

    name: str | None = None
    settings: AgentSettings | None = None
    tell: Sequence[str] | None = None


def state_of(row: AgentRow, now: datetime) -> State:
    """How the agent is at this moment, whoever has noticed yet."""
    orders = Orders.of(row.settings_version, row.settings)
    return health.state_at(
        row.heartbeat_at,
        now,
        beat=timedelta(seconds=orders.heartbeat_seconds),
        offline_after=timedelta(seconds=config.section(AgentsSettings).offline_seconds),
    )


async def listing(
    tx: AsyncSession, *, limit: int, cursor: str | None = None
) -> tuple[list[AgentRow], str | None]:
    """The agents without the most of what they said, newest first, and the next page's cursor.

    Raises:
        Invalid: the cursor was not given out by this list.
    """
    unread = (AgentRow.metrics, AgentRow.files, AgentRow.spool, AgentRow.refusal)
    statement = (
        select(AgentRow)
        .options(*(defer(column, raiseload=True) for column in unread))
        .order_by(AgentRow.id.desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(AgentRow.id < cursors.key(cursor))
    found = list(await tx.scalars(statement))
    page = found[:limit]
    return page, str(page[-1].id) if len(found) > limit else None


async def get(tx: AsyncSession, agent_id: UUID) -> AgentRow:
    """One agent.

    Raises:
        NotFound: there is none.
    """
    return _there(await tx.get(AgentRow, agent_id))


async def change(
    tx: AsyncSession,
    agent_id: UUID,
    *,
    wanted: Wanted,
    expected: Collection[int] | None,
    now: datetime,
) -> AgentRow:
    """Change an agent; new settings reach it within one heartbeat, wherever it is connected.

    Incidents of it concern those who are to be told from now on.

    Raises:
        NotFound: there is none.
        Stale: its version is not one of the expected ones; None expects any.
        Invalid: somebody who is to be told is not known.
    """
    row = _there(await tx.get(AgentRow, agent_id, with_for_update=True))
    if expected is not None and row.version not in expected:
        raise Stale(f"it was changed since; its version is {row.version}")
    if wanted.name is not None:
        row.name = wanted.name
    if wanted.tell is not None:
        row.tell = await _known(tx, wanted.tell)
    if wanted.settings is not None:
        settings = wanted.settings.model_dump(mode="json")
        if settings != row.settings:
            row.settings = settings
            row.settings_version += 1
    row.version += 1
    row.updated_at = now
    await tx.flush()
    if wanted.tell is not None:
        people = select(UserRow.id).where(or_(UserRow.id == row.owner, UserRow.login.in_(row.tell)))
        heard = [Recipient(user_id) for user_id in await tx.scalars(people)]
        await concern(tx, key_of(agent_id), heard)
    tell_of(tx, [agent_id])
    return row


def key_of(agent_id: UUID) -> str:
    """What the keys of all incidents of an agent begin with."""
    return f"agent:{agent_id}"


async def remove(tx: AsyncSession, agent_id: UUID, *, now: datetime) -> None:
    """Delete an agent with its history and its token; its connection closes within a heartbeat.

    Its incidents are over.

    Raises:
        NotFound: there is none.
    """
    # As everybody: the token before the agent.
    held = select(AgentRow.token_id).where(AgentRow.id == agent_id)
    await tx.execute(
        delete(TokenRow).where(TokenRow.id.in_(held)).execution_options(synchronize_session=False)
    )
    gone = delete(AgentRow).where(AgentRow.id == agent_id).returning(AgentRow.id)
    if (await tx.execute(gone)).one_or_none() is None:
        raise _unknown()
    await all_over(tx, key_of(agent_id), now=now)
    tell_of_removal(tx, agent_id)


async def by_state(tx: AsyncSession) -> dict[str, int]:
    """How many agents were in each state when somebody looked last."""
    found = await tx.execute(
        select(AgentRow.state, func.count().label("agents")).group_by(AgentRow.state)
    )
    return {str(row.state): row.agents for row in found}


async def _known(tx: AsyncSession, logins: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(login.lower() for login in logins))
    found = set(await tx.scalars(select(UserRow.login).where(UserRow.login.in_(wanted))))
    errors = [
        FieldError(f"tell.{place}", "there is no such person")
        for place, login in enumerate(wanted)
        if login not in found
    ]
    if errors:
        raise Invalid(errors)
    return wanted


def _there(row: AgentRow | None) -> AgentRow:
    if row is None:
        raise _unknown()
    return row


def _unknown() -> NotFound:
    return NotFound("there is no such agent")
