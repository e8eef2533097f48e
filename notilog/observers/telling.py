"""Telling who watches the observers how they go, after it has been committed."""

from collections.abc import Iterable
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.db.session import asking
from notilog.observers.tables import ObserverRow
from notilog.realtime.events_queue import Notice, tell

TOPIC: Final = "observers"
_COLUMNS: Final = (
    *(ObserverRow.id, ObserverRow.name, ObserverRow.kind, ObserverRow.desired),
    *(ObserverRow.state, ObserverRow.state_since, ObserverRow.last_error, ObserverRow.restarts),
)


def tell_of(tx: AsyncSession, observer_ids: Iterable[UUID]) -> None:
    """Tell how these go by then; nothing of those that were deleted meanwhile."""
    ids = list(observer_ids)
    if ids:
        tell(tx, TOPIC, partial(_how_they_go, ids))


def tell_of_removal(tx: AsyncSession, observer_id: UUID) -> None:
    tell(tx, TOPIC, [Notice({"id": observer_id, "state": "deleted"})])


async def _how_they_go(ids: list[UUID]) -> list[Notice]:
    async with asking(primary=True) as tx:
        found = await tx.execute(select(*_COLUMNS).where(ObserverRow.id.in_(ids)))
        return [Notice(dict(row)) for row in found.mappings()]
