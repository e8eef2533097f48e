"""Incidents raised directly, without an agent or a rule, and what became of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update

from notilog import clock
from notilog.db.session import transaction
from notilog.incidents import ending, escalating, history
from notilog.incidents.opening import Occurrence, Opened, Recipient, occurred
from notilog.incidents.tables import IncidentRow
from notilog.notifications.tables import DeliveryRow
from notilog.users.caller import Caller
from notilog.users.tables import UserRow
from tests.integration.decided import people

MINUTE: Final = timedelta(minutes=1)
BEGIN: Final = clock.now() - timedelta(days=3)
ABOUT: Final[dict[str, Any]] = {
    "agent_id": "1",
    "agent": "web-1",
    "said": "failing",
    "check": "db",
    "detail": "refused",
    "at": "2026-11-20T10:00:00+00:00",
    "since": None,
}


async def person(login: str, *, is_admin: bool = False) -> Caller:
    (made,) = await people(login)
    role = "admin" if is_admin else "user"
    async with transaction() as tx:
        await tx.execute(update(UserRow).where(UserRow.id == made).values(role=role))
    return Caller(made, login, role, scopes=None, project=None)


def occurrence(*concerned: Caller, minutes: float = 0, **changes: Any) -> Occurrence:
    """A check that failed, so long after the start."""
    made = Occurrence(
        key="agent:1:check:db",
        source="agent",
        title="web-1 — db",
        severity="critical",
        about=ABOUT,
        at=at(minutes),
        recipients=tuple(Recipient(one.user_id) for one in concerned),
    )
    return replace(made, **changes)


def at(minutes: float) -> datetime:
    return BEGIN + minutes * MINUTE


async def occur(*occurrences: Occurrence) -> Opened:
    """It happens; the incident of the last of them."""
    async with transaction() as tx:
        found = await occurred(tx, occurrences)
    return found[occurrences[-1].key]


async def tick(minutes: float) -> None:
    """As the worker does, so long after the start."""
    for step in (ending.end_quiet, escalating.tick):
        async with transaction() as tx:
            assert not await step(tx, at(minutes))


async def incidents() -> Sequence[IncidentRow]:
    """Every incident, in the order in which they were opened."""
    async with transaction() as tx:
        return (await tx.scalars(select(IncidentRow).order_by(IncidentRow.id))).all()


async def told() -> list[tuple[str, int]]:
    """What every delivery says, and at which step."""
    async with transaction() as tx:
        rows = await tx.scalars(select(DeliveryRow).order_by(DeliveryRow.id))
        return [(row.content["said"], row.content["step"]) for row in rows]


async def send() -> None:
    """Everybody hears what was decided until now."""
    async with transaction() as tx:
        await tx.execute(
            update(DeliveryRow).where(DeliveryRow.status == "pending").values(status="sent")
        )


async def happened(incident_id: UUID) -> list[str]:
    async with transaction() as tx:
        found, _ = await history.listing(tx, incident_id, limit=100)
    return [one.what for one in reversed(found)]
