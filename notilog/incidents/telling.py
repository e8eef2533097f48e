"""Telling who watches the incidents how they stand, after it has been committed."""

from collections.abc import Iterable
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.db.session import asking
from notilog.incidents.tables import IncidentRecipientRow, IncidentRow
from notilog.realtime.events_queue import Notice, tell
from notilog.users.tables import UserRow

TOPIC: Final = "incidents"
_COLUMNS: Final = (
    *(IncidentRow.id, IncidentRow.key, IncidentRow.source, IncidentRow.project),
    *(IncidentRow.title, IncidentRow.severity, IncidentRow.state, IncidentRow.count),
    *(IncidentRow.step, IncidentRow.opened_at, IncidentRow.last_at),
    # What is resolved has the one that it goes on with if it occurs.
    case((IncidentRow.state == "open", IncidentRow.next_at)).label("next_at"),
    *(IncidentRow.silenced_until, IncidentRow.acknowledged_at, IncidentRow.resolved_at),
)


def tell_of(tx: AsyncSession, incident_ids: Iterable[UUID]) -> None:
    """Tell how these stand by then."""
    ids = list(incident_ids)
    if ids:
        tell(tx, TOPIC, partial(_how_they_stand, ids))


async def _how_they_stand(ids: list[UUID]) -> list[Notice]:
    concerned = (
        select(func.array_agg(IncidentRecipientRow.user_id))
        .where(IncidentRecipientRow.incident_id == IncidentRow.id)
        .scalar_subquery()
    )
    statement = (
        select(*_COLUMNS, UserRow.login.label("acknowledged_by"), concerned.label("to"))
        .outerjoin(UserRow, UserRow.id == IncidentRow.acknowledged_by)
        .where(IncidentRow.id.in_(ids))
        .order_by(IncidentRow.id)
    )
    async with asking(primary=True) as tx:
        found = (await tx.execute(statement)).mappings().all()
    return [
        Notice({name: row[name] for name in row if name != "to"}, to=tuple(row["to"] or ()))
        for row in found
    ]
