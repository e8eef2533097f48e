"""Looking after all agents: whose state changed, which checks fail, and telling people once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from notilog import jobs
from notilog.agents.health import Change, change_of_state, changes_of_checks
from notilog.agents.history import remember
from notilog.agents.registry import state_of
from notilog.agents.tables import AgentRow
from notilog.agents.telling import tell_of
from notilog.db.session import transaction
from notilog.notifications import deliveries
from notilog.notifications.deliveries import Decision
from notilog.notifications.usual import usual_channel
from notilog.notifications.wishes import CRITICAL, NEAR
from notilog.users.tables import UserRow

log = structlog.get_logger(__name__)

AGENT: Final = "agent"
AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """What became different of an agent."""

    state: Change | None
    checks: Sequence[Change]

    @property
    def changes(self) -> list[Change]:
        return [*([self.state] if self.state else ()), *self.checks]


async def watch(now: datetime) -> int:
    """Note every change and tell of it; says of how many agents there was one.

    Several may watch at a time: each agent is looked at by one, and seen anew under its lock.
    """
    changed = await _changed(now)
    for start in range(0, len(changed), AT_ONCE):
        async with transaction() as tx:
            await _settle(tx, changed[start : start + AT_ONCE], now)
    return len(changed)


def seen_of(row: AgentRow, now: datetime) -> Seen:
    """What is different from what is known; the checks of an agent that is gone are not news."""
    after = state_of(row, now)
    state = change_of_state(row.state, after, told=row.told_state)
    if after == "offline":
        return Seen(state, ())
    return Seen(state, changes_of_checks(row.told_checks, results_of(row)))


def results_of(row: AgentRow) -> dict[str, bool]:
    """By its name, whether each check went well that the agent was told to run."""
    wanted = {check["name"] for check in row.settings["checks"]}
    return {check["name"]: check["ok"] for check in row.checks if check["name"] in wanted}


async def _changed(now: datetime) -> list[UUID]:
    async with transaction() as tx:
        rows = await tx.stream_scalars(
            select(AgentRow)
            .options(defer(AgentRow.metrics), defer(AgentRow.files), defer(AgentRow.spool))
            .order_by(AgentRow.id)
            .execution_options(yield_per=AT_ONCE)
        )
        return [row.id async for row in rows if _differs(row, now)]


def _differs(row: AgentRow, now: datetime) -> bool:
    is_heard = state_of(row, now) != "offline"
    return bool(seen_of(row, now).changes) or (is_heard and results_of(row) != row.told_checks)


async def _settle(tx: AsyncSession, ids: Sequence[UUID], now: datetime) -> None:
    rows = await tx.scalars(
        select(AgentRow)
        .where(AgentRow.id.in_(ids))
        .order_by(AgentRow.id)
        .with_for_update(skip_locked=True)
    )
    decisions: list[Decision] = []
    changed: list[UUID] = []
    for row in rows.all():
        seen = seen_of(row, now)
        if seen.changes:
            changed.append(row.id)
        remember(tx, row.id, seen.changes, now=now)
        told = [change for change in seen.changes if change.is_told]
        if told:
            decisions += await _decisions(tx, row, told, now)
        _note(row, seen, now)
    await tx.flush()
    tell_of(tx, changed)
    if decisions:
        await deliveries.decide(tx, decisions)
    for channel in sorted({decision.channel for decision in decisions}):
        jobs.wake(deliveries.SEND, channel)


def _note(row: AgentRow, seen: Seen, now: datetime) -> None:
    state = state_of(row, now)
    if seen.state is not None:
        log.info("agent_state", agent=str(row.id), before=row.state, after=state)
        row.state, row.state_since = state, now
        if seen.state.is_told or row.told_state == "new":
            row.told_state = state
    if state != "offline":
        row.told_checks = dict(results_of(row))


async def _decisions(
    tx: AsyncSession, row: AgentRow, told: Sequence[Change], now: datetime
) -> list[Decision]:
    people = await tx.scalars(
        select(UserRow)
        .where(or_(UserRow.id == row.owner, UserRow.login.in_(row.tell)))
        .order_by(UserRow.id)
    )
    return [
        Decision(
            kind=AGENT,
            event_id=None,
            user_id=person.id,
            channel=usual_channel(person),
            priority=CRITICAL if change.after in {"offline", "failing"} else NEAR,
            content=content_of(row, change, now),
            due_at=now,
        )
        for person in people.all()
        for change in told
    ]


def content_of(row: AgentRow, change: Change, now: datetime) -> dict[str, Any]:
    """What a message is made of; see `notilog.notifications.agent_texts`."""
    result = next((check for check in row.checks if check["name"] == change.name), {})
    is_check = change.what == "check"
    heard_at = row.heartbeat_at
    return {
        "agent_id": str(row.id),
        "agent": row.name,
        "said": change.after,
        "at": now.isoformat(),
        "check": change.name,
        "detail": result.get("detail", "") if is_check else "",
        "since": heard_at.isoformat() if heard_at and not is_check else None,
    }
