"""Incidents as people see them: whose they are, listed and shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, TextClause, exists, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from notilog import cursors
from notilog.errors import NotFound
from notilog.incidents.tables import RESOLVED, UNRESOLVED, IncidentRecipientRow, IncidentRow
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

_Acknowledger = aliased(UserRow)
_Resolver = aliased(UserRow)


@dataclass(frozen=True, slots=True)
class Shown:
    """An incident, and the logins of whoever acknowledged and resolved it."""

    row: IncidentRow
    acknowledged_by: str | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which incidents to list; what is None or empty does not narrow. ``key`` is a beginning."""

    states: Sequence[str] = ()
    severities: Sequence[str] = ()
    source: str | None = None
    key: str | None = None
    project: str | None = None


async def listing(
    tx: AsyncSession, caller: Caller, *, filters: Filters, limit: int, cursor: str | None = None
) -> tuple[list[Shown], str | None]:
    """Incidents that concern the caller, newest first, and the cursor of the next page.

    An administrator sees all; whose token is bound to a project, only those of it.

    Raises:
        Invalid: the cursor was not given out by this list.
    """
    statement = _shown().where(*_visible(caller), *_wanted(filters))
    if cursor is not None:
        statement = statement.where(IncidentRow.id < cursors.key(cursor))
    statement = statement.order_by(IncidentRow.id.desc()).limit(limit + 1)
    found = [
        Shown(row, acknowledged_by, resolved_by)
        for row, acknowledged_by, resolved_by in await tx.execute(statement)
    ]
    page = found[:limit]
    return page, str(page[-1].row.id) if len(found) > limit else None


async def get(tx: AsyncSession, caller: Caller, *, incident_id: UUID) -> Shown:
    """One incident.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    statement = _shown().where(IncidentRow.id == incident_id, *_visible(caller))
    found = (await tx.execute(statement)).one_or_none()
    if found is None:
        raise _unknown()
    row, acknowledged_by, resolved_by = found
    return Shown(row, acknowledged_by, resolved_by)


async def held(tx: AsyncSession, caller: Caller, *, incident_id: UUID) -> IncidentRow:
    """One incident, which nobody else changes until the end of the transaction.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    row = await tx.scalar(
        select(IncidentRow)
        .where(IncidentRow.id == incident_id, *_visible(caller))
        .with_for_update()
    )
    if row is None:
        raise _unknown()
    return row


async def by_state(tx: AsyncSession, *, most_resolved: int) -> dict[str, int]:
    """How many incidents there are in each state; those that are over are counted up to a bound."""
    found = await tx.execute(
        select(IncidentRow.state, func.count().label("incidents"))
        .where(text(UNRESOLVED))
        .group_by(IncidentRow.state)
    )
    over = select(literal(1)).select_from(IncidentRow).where(text(RESOLVED)).limit(most_resolved)
    counted: dict[str, int] = dict.fromkeys(("open", "acknowledged"), 0)
    counted["resolved"] = await tx.scalar(select(func.count()).select_from(over.subquery())) or 0
    return counted | {row.state: row.incidents for row in found}


def _shown() -> Select[IncidentRow, str, str]:
    return (
        select(IncidentRow, _Acknowledger.login, _Resolver.login)
        .outerjoin(_Acknowledger, _Acknowledger.id == IncidentRow.acknowledged_by)
        .outerjoin(_Resolver, _Resolver.id == IncidentRow.resolved_by)
    )


def _visible(caller: Caller) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if not caller.is_admin:
        mine = IncidentRecipientRow.user_id == caller.user_id
        conditions.append(exists().where(IncidentRecipientRow.incident_id == IncidentRow.id, mine))
    if caller.project is not None:
        conditions.append(IncidentRow.project == caller.project)
    return conditions


def _wanted(filters: Filters) -> list[ColumnElement[bool] | TextClause]:
    conditions: list[ColumnElement[bool] | TextClause] = []
    if filters.states:
        conditions.append(IncidentRow.state.in_(filters.states))
        if "resolved" not in filters.states:  # few of all, and they have an index
            conditions.append(text(f"incidents.{UNRESOLVED}"))
    if filters.severities:
        conditions.append(IncidentRow.severity.in_(filters.severities))
    if filters.source is not None:
        conditions.append(IncidentRow.source == filters.source)
    if filters.key is not None:
        conditions.append(IncidentRow.key.startswith(filters.key, autoescape=True))
    if filters.project is not None:
        conditions.append(IncidentRow.project == filters.project)
    return conditions


def _unknown() -> NotFound:
    return NotFound("there is no such incident")
