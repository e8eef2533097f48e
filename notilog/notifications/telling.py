"""Telling people what became of their deliveries, after it has been committed."""

from collections.abc import Iterable
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.db.session import asking
from notilog.notifications.tables import DeliveryRow
from notilog.realtime.events_queue import Notice, tell
from notilog.users.tables import UserRow

TOPIC: Final = "deliveries"
_COLUMNS: Final = (
    *(DeliveryRow.id, DeliveryRow.kind, DeliveryRow.event_id, DeliveryRow.channel),
    *(DeliveryRow.status, DeliveryRow.due_at, DeliveryRow.sent_at, DeliveryRow.attempts),
    *(DeliveryRow.last_error, UserRow.login),
)


def tell_of(tx: AsyncSession, delivery_ids: Iterable[UUID]) -> None:
    """Tell how these stand by then."""
    ids = list(delivery_ids)
    if ids:
        tell(tx, TOPIC, partial(_how_they_stand, ids))


async def _how_they_stand(ids: list[UUID]) -> list[Notice]:
    statement = (
        select(*_COLUMNS, DeliveryRow.user_id)
        .join(UserRow, UserRow.id == DeliveryRow.user_id)
        .where(DeliveryRow.id.in_(ids))
    )
    async with asking(primary=True) as tx:
        found = (await tx.execute(statement)).mappings().all()
    return [
        Notice({name: row[name] for name in row if name != "user_id"}, to=(row["user_id"],))
        for row in found
    ]
