"""Deliveries decided directly, without a calendar, and a look at what became of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from uuid_utils.compat import uuid7

from notilog import clock
from notilog.db.session import transaction
from notilog.notifications import deliveries
from notilog.notifications.deliveries import Decision
from notilog.notifications.tables import DeliveryRow

PEOPLE = text(
    """
    INSERT INTO users (id, login, first_name, last_name, email)
    SELECT id, login, login, 'Lee', login || '@example.org'
    FROM unnest(CAST(:ids AS uuid[]), CAST(:logins AS text[])) AS people (id, login)
    """
)


async def people(*logins: str) -> list[UUID]:
    """Users with these logins and addresses at example.org."""
    ids = [uuid7() for _ in logins]
    async with transaction() as tx:
        await tx.execute(PEOPLE, {"ids": ids, "logins": list(logins)})
    return ids


def decision(user_id: UUID, *, channel: str = "email", **changes: Any) -> Decision:
    """A reminder that is due now, of an event that starts in 15 minutes."""
    due = changes.pop("due_at", clock.now())
    start = changes.pop("occurrence_start", due + timedelta(minutes=15))
    made = Decision(
        kind="reminder",
        event_id=uuid7(),
        occurrence_start=start,
        starts_at=start,
        before="15m",
        user_id=user_id,
        channel=channel,
        priority=5,
        content=content(start),
        due_at=due,
    )
    return replace(made, **changes)


def event_of(decided: Decision) -> UUID:
    """The event that a decision is about."""
    assert decided.event_id is not None
    return decided.event_id


def content(start: datetime) -> dict[str, Any]:
    return {
        "name": "Planning",
        "description": "",
        "start": start.isoformat(),
        "end": (start + timedelta(hours=1)).isoformat(),
        "timezone": "UTC",
        "all_day": False,
        "before": "15m",
    }


async def decide(*decisions: Decision) -> int:
    async with transaction() as tx:
        return await deliveries.decide(tx, decisions)


async def rows() -> list[DeliveryRow]:
    """Every delivery, in the order of decision."""
    async with transaction() as tx:
        return list(await tx.scalars(select(DeliveryRow).order_by(DeliveryRow.id)))


async def statuses() -> list[str]:
    return [row.status for row in await rows()]


async def alter(**values: Any) -> None:
    """Change every delivery."""
    async with transaction() as tx:
        await tx.execute(update(DeliveryRow).values(values))
