"""People who share a calendar, and what the tests ask of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from notilog.calendar import events, participation, reminders
from notilog.calendar.drafts import Changes, Draft, Notification
from notilog.calendar.participation import Decision
from notilog.calendar.shown import Event
from notilog.db.session import reading, transaction
from notilog.notifications.tables import DeliveryRow
from notilog.users.caller import Caller, Role
from notilog.users.tables import UserRow

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The instant at which these tests play."""

DUE = NOON + timedelta(minutes=45)
"""When the usual event's reminder falls due; the tests count seconds from it."""

QUARTER = Notification("15m", "log")


async def add(login: str, *, role: Role = "user", timezone: str = "UTC", **fields: Any) -> Caller:
    """Somebody with a session."""
    user = UserRow(
        login=login, first_name=login, last_name="", role=role, timezone=timezone, **fields
    )
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
        statement = select(DeliveryRow).where(
            DeliveryRow.event_id == event.id, DeliveryRow.kind == "reminder"
        )
        return list(await tx.scalars(statement.order_by(DeliveryRow.due_at)))


async def outcome(event: Event) -> Counter[tuple[str, str]]:
    """How many reminders of each status every person has."""
    async with reading() as tx:
        statement = (
            select(UserRow.login, DeliveryRow.status)
            .join(UserRow, UserRow.id == DeliveryRow.user_id)
            .where(DeliveryRow.event_id == event.id, DeliveryRow.kind == "reminder")
        )
        return Counter((await tx.execute(statement)).all())


async def tick(seconds: float = 0) -> None:
    async with transaction() as tx:
        await reminders.tick(tx, DUE + timedelta(seconds=seconds))


async def change(
    event: Event,
    by: Caller,
    *,
    seconds: float = -3600,
    expected: set[int] | None = None,
    **to: object,
) -> Event:
    async with transaction() as tx:
        return await events.change(
            tx,
            by,
            event_id=event.id,
            changes=Changes(**to),  # type: ignore[arg-type]  # the tests name each field
            expected=expected,
            now=DUE + timedelta(seconds=seconds),
        )


async def decide(
    event: Event, by: Caller, decision: Decision, *, login: str = "", seconds: float = -3600
) -> None:
    async with transaction() as tx:
        await participation.decide(
            tx,
            by,
            event_id=event.id,
            login=login or by.login,
            decision=decision,
            now=DUE + timedelta(seconds=seconds),
        )


async def set_status(event: Event, status: str) -> None:
    async with transaction() as tx:
        for row in await deliveries(event):
            (await tx.get_one(DeliveryRow, row.id)).status = status
        await tx.flush()


async def seen(event: Event, by: Caller) -> Event:
    async with reading() as tx:
        return await events.get(tx, by, event_id=event.id)
