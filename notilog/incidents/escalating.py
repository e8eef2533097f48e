"""A tick tells again of what nobody has acknowledged; how often and whom is `escalation`'s."""

from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.incidents.escalation import FIRST, Policy, concerns_administrators, next_at
from notilog.incidents.history import remember
from notilog.incidents.saying import Saying, say
from notilog.incidents.settings import IncidentsSettings
from notilog.incidents.tables import IncidentRow
from notilog.incidents.telling import tell_of

log = structlog.get_logger(__name__)

AT_ONCE: Final = 200


async def tick(tx: AsyncSession, now: datetime) -> bool:
    """Take the next step of some incidents for which it is due; says whether there may be more.

    Several may tick at a time: each incident is taken by one, and its next step is later.
    """
    rows = (
        await tx.scalars(
            select(IncidentRow)
            .where(IncidentRow.state == "open", IncidentRow.next_at <= now)
            .order_by(IncidentRow.next_at)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    ).all()
    policy = config.section(IncidentsSettings).policy
    sayings = [_stepped(tx, row, policy, now) for row in rows]
    await tx.flush()
    await say(tx, sayings)
    tell_of(tx, (row.id for row in rows))
    return len(rows) == AT_ONCE


def _stepped(tx: AsyncSession, row: IncidentRow, policy: Policy, now: datetime) -> Saying:
    row.step += 1
    row.next_at = next_at(policy, row.severity, step=row.step, now=now)
    remember(tx, row.id, "told", now=now, step=row.step)
    log.info("incident_told", incident=str(row.id), step=row.step)
    return Saying.of(
        row,
        "opened" if row.step == FIRST else "again",
        at=now,
        administrators=concerns_administrators(policy, row.step),
    )
