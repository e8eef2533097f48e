"""People who share a calendar, and what the tests ask of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from notilog.calendar import events
from notilog.calendar.drafts import Draft
from notilog.calendar.events import Event
from notilog.calendar.rules import Notification
from notilog.db.session import reading, transaction
from notilog.notifications.tables import DeliveryRow
from notilog.users.caller import Caller, Role
from notilog.users.tables import UserRow

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The instant at which these tests play."""

QUARTER = Notification("15m", "log")


async def add(login: str, *, role: Role = "user", timezone: str = "UTC") -> Caller:
    """Somebody with a session."""
    user = UserRow(login=login, first_name=login, last_name="", role=role, timezone=timezone)
    async with transaction() as tx:
        tx.add(user)
    return Caller(user_id=user.id, login=login, role=role, scopes=None, project=None)


async def make(author: Caller, *, now: datetime = NOON, **fields: Any) -> Event:
    """An hour's event that starts an hour after noon, unless ``fields`` say otherwise."""
    start = fields.pop("start_time", NOON + timedelta(hours=1))
    described = {"name": "Planning", "notifications": (QUARTER,), **fields}
    end = described.pop("end_time", start + timedelta(hours=1))
    draft = Draft(start_time=start, end_time=end, **described)
    async with transaction() as tx:
        return await events.create(tx, author, draft=draft, now=now)


async def deliveries(event: Event) -> list[DeliveryRow]:
    async with reading() as tx:
        statement = select(DeliveryRow).where(DeliveryRow.event_id == event.id)
        return list(await tx.scalars(statement.order_by(DeliveryRow.due_at)))


async def outcome(event: Event) -> Counter[tuple[str, str]]:
    """How many deliveries of each status every person has."""
    async with reading() as tx:
        statement = (
            select(UserRow.login, DeliveryRow.status)
            .join(UserRow, UserRow.id == DeliveryRow.user_id)
            .where(DeliveryRow.event_id == event.id)
        )
        return Counter((await tx.execute(statement)).all())
