"""Looking after all agents: whose state changed, which checks fail, and the incidents of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from notilog.agents.health import Change, change_of_state, changes_of_checks
from notilog.agents.history import remember
from notilog.agents.registry import key_of, state_of
from notilog.agents.tables import AgentRow
from notilog.agents.telling import tell_of
from notilog.db.session import transaction
from notilog.incidents.ending import Over, over
from notilog.incidents.opening import Occurrence, Recipient, occurred
from notilog.users.tables import UserRow

log = structlog.get_logger(__name__)

AGENT: Final = "agent"
BAD: Final = frozenset({"offline", "failing"})
"""What opens an incident; the other news end it."""
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
    """Note every change and open or end its incident; says of how many agents there was one.

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


def no_more_checked(row: AgentRow, now: datetime) -> list[str]:
    """The names of checks that failed and that its settings do not name any more."""
    if state_of(row, now) == "offline":
        return []
    results = results_of(row)
    return [name for name, is_ok in row.told_checks.items() if not is_ok and name not in results]


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
    seen = {row: seen_of(row, now) for row in rows}
    people = await _people(tx, [row for row in seen if _told(seen[row])])
    occurrences: list[Occurrence] = []
    ended: list[Over] = []
    for row, changed in seen.items():
        remember(tx, row.id, changed.changes, now=now)
        for change in _told(changed):
            if change.after in BAD:
                occurrences.append(_occurrence(row, change, people, now))
            else:
                ended.append(Over(_key(row, change.name), content_of(row, change, now)))
        ended += [Over(_key(row, name)) for name in no_more_checked(row, now)]
        _note(row, changed, now)
    await tx.flush()
    tell_of(tx, [row.id for row, changed in seen.items() if changed.changes])
    await occurred(tx, occurrences)
    await over(tx, ended, now=now)


def _told(seen: Seen) -> list[Change]:
    return [change for change in seen.changes if change.is_told]


def _note(row: AgentRow, seen: Seen, now: datetime) -> None:
    state = state_of(row, now)
    if seen.state is not None:
        log.info("agent_state", agent=str(row.id), before=row.state, after=state)
        row.state, row.state_since = state, now
        if seen.state.is_told or row.told_state == "new":
            row.told_state = state
    if state != "offline":
        row.told_checks = dict(results_of(row))


async def _people(tx: AsyncSession, rows: Sequence[AgentRow]) -> list[UserRow]:
    """Everybody who hears of any of these agents."""
    if not rows:
        return []
    owners = {row.owner for row in rows}
    logins = {login for row in rows for login in row.tell}
    found = await tx.scalars(
        select(UserRow)
        .where(or_(UserRow.id.in_(owners), UserRow.login.in_(logins)))
        .order_by(UserRow.id)
    )
    return list(found)


def _occurrence(
    row: AgentRow, change: Change, people: Sequence[UserRow], now: datetime
) -> Occurrence:
    concerned = (person for person in people if person.id == row.owner or person.login in row.tell)
    return Occurrence(
        key=_key(row, change.name),
        source=AGENT,
        title=" — ".join(part for part in (row.name, change.name) if part),
        severity="critical",
        about=content_of(row, change, now),
        at=now,
        recipients=tuple(Recipient(person.id) for person in concerned),
        lasts=True,
    )


def _key(row: AgentRow, check: str) -> str:
    return f"{key_of(row.id)}:check:{check}" if check else key_of(row.id)


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
