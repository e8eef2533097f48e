"""What people do about incidents: acknowledge, silence, resolve."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.errors import Conflict, Invalid
from notilog.incidents import escalation
from notilog.incidents.ending import close, finish
from notilog.incidents.history import remember
from notilog.incidents.incidents import Shown, get, held
from notilog.incidents.saying import take_back
from notilog.incidents.settings import IncidentsSettings
from notilog.incidents.tables import IncidentRow
from notilog.incidents.telling import tell_of
from notilog.users.caller import Caller

LONGEST: Final = timedelta(days=366)
"""Of a silence."""


async def acknowledge(
    tx: AsyncSession, caller: Caller, *, incident_id: UUID, now: datetime
) -> Shown:
    """Say that the caller sees to it: nobody is told any more until it is resolved.

    Whoever was first stays: acknowledging it again changes nothing.

    Raises:
        NotFound: there is none, or the caller may not see it.
        Conflict: it is resolved.
    """
    row = await _unresolved(tx, caller, incident_id)
    if row.state == "open":
        row.state, row.acknowledged_at, row.acknowledged_by = "acknowledged", now, caller.user_id
        row.next_at = None
        remember(tx, row.id, "acknowledged", now=now, user_id=caller.user_id)
        await _changed(tx, row)
    return await get(tx, caller, incident_id=incident_id)


async def silence(
    tx: AsyncSession, caller: Caller, *, incident_id: UUID, until: datetime | None, now: datetime
) -> Shown:
    """Tell nobody of it until then, nor of what occurs of the same key; None ends a silence.

    Raises:
        NotFound: there is none, or the caller may not see it.
        Conflict: it is resolved.
        Invalid: until is not ahead, or too far.
    """
    if until is not None and not now < until <= now + LONGEST:
        raise Invalid.field("until", f"must be ahead, by {LONGEST.days} days at most")
    row = await _unresolved(tx, caller, incident_id)
    await _end_silences(tx, row.key)
    row.silenced_until = until
    if row.state == "open":
        row.next_at = _next_at(row, until, now)
    remember(tx, row.id, "silenced", now=now, user_id=caller.user_id, until=until)
    await _changed(tx, row)
    return await get(tx, caller, incident_id=incident_id)


async def resolve(tx: AsyncSession, caller: Caller, *, incident_id: UUID, now: datetime) -> Shown:
    """Say that it is over; a new occurrence opens another, which no silence holds.

    The others who were told hear of it. Resolving it again changes nothing.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    row = await held(tx, caller, incident_id=incident_id)
    if row.state != "resolved":
        by = (caller.user_id, caller.login)
        sayings = close(tx, row, "resolved", now=now, about=row.about, by=by)
        await _end_silences(tx, row.key)
        row.silenced_until = None
        await finish(tx, [row], sayings)
    return await get(tx, caller, incident_id=incident_id)


async def _unresolved(tx: AsyncSession, caller: Caller, incident_id: UUID) -> IncidentRow:
    row = await held(tx, caller, incident_id=incident_id)
    if row.state == "resolved":
        raise Conflict("the incident is resolved; a new occurrence opens another one")
    return row


async def _end_silences(tx: AsyncSession, key: str) -> None:
    """Also those that were left by incidents which were over by themselves."""
    await tx.execute(
        update(IncidentRow)
        .where(IncidentRow.key == key, IncidentRow.silenced_until.is_not(None))
        .values(silenced_until=None)
        .execution_options(synchronize_session=False)
    )


def _next_at(row: IncidentRow, until: datetime | None, now: datetime) -> datetime | None:
    """Counted from now: what is due may be late only for a silence that this one ends."""
    policy = config.section(IncidentsSettings).policy
    due_at = escalation.next_at(policy, row.severity, step=row.step, now=now)
    return due_at if until is None else escalation.held(due_at, until=until)


async def _changed(tx: AsyncSession, row: IncidentRow) -> None:
    await tx.flush()
    await take_back(tx, [row.id])
    tell_of(tx, [row.id])
