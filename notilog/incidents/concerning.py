"""Whom incidents concern from now on, when whoever hears of their source becomes different."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.incidents.opening import Recipient
from notilog.incidents.tables import UNRESOLVED, IncidentRecipientRow, IncidentRow
from notilog.incidents.telling import tell_of


async def concern(tx: AsyncSession, prefix: str, recipients: Sequence[Recipient]) -> None:
    """Let every incident whose key begins so, and that is not resolved, concern these alone.

    What was decided to be said to the others is still said.
    """
    ids = (
        await tx.scalars(
            select(IncidentRow.id)
            .where(text(UNRESOLVED), IncidentRow.key.startswith(prefix, autoescape=True))
            .order_by(IncidentRow.key.collate("C"))
            .with_for_update()
        )
    ).all()
    await tx.execute(
        delete(IncidentRecipientRow)
        .where(IncidentRecipientRow.incident_id.in_(ids))
        .execution_options(synchronize_session=False)
    )
    rows = [
        {"incident_id": incident_id, "user_id": one.user_id, "channel": one.channel}
        for incident_id in ids
        for one in recipients
    ]
    if rows:
        await tx.execute(insert(IncidentRecipientRow), rows)
    tell_of(tx, ids)
