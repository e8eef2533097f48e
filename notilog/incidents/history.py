"""What happened to incidents, kept as long as they are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog import config, cursors
from notilog.incidents.settings import IncidentsSettings
from notilog.incidents.tables import IncidentHistoryRow, IncidentRow
from notilog.users.tables import UserRow

What = Literal["opened", "again", "told", "acknowledged", "silenced", "resolved"]

FORGOTTEN_AT_ONCE: Final = 1_000
LINES: Final = 1_000
"""Of one incident; older ones are forgotten before it is over."""

_SHORTEN: Final = text(
    """
    DELETE FROM incident_history AS h
    USING (
        SELECT incidents.id, oldest.id AS until
        FROM incidents CROSS JOIN LATERAL (
            SELECT id FROM incident_history
            WHERE incident_id = incidents.id
            ORDER BY id DESC
            OFFSET :lines
            LIMIT 1
        ) AS oldest
        WHERE incidents.state <> 'resolved'
    ) AS long
    WHERE h.incident_id = long.id AND h.id <= long.until
    """
)


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to an incident; ``by`` is a login, None when nobody did it.

    ``step`` is that at which people were told, ``until`` when a silence ends, None ends it at once.
    """

    at: datetime
    what: str
    by: str | None
    step: int | None
    until: datetime | None


def remember(
    tx: AsyncSession,
    incident_id: UUID,
    what: What,
    *,
    now: datetime,
    user_id: UUID | None = None,
    step: int | None = None,
    until: datetime | None = None,
) -> None:
    """Write down what happened."""
    tx.add(
        IncidentHistoryRow(
            id=uuid7(),
            incident_id=incident_id,
            at=now,
            what=what,
            user_id=user_id,
            step=step,
            until=until,
        )
    )


async def listing(
    tx: AsyncSession, incident_id: UUID, *, limit: int, cursor: str | None = None
) -> tuple[list[Happened], str | None]:
    """What happened to an incident, the newest first, and the cursor of the next page.

    Raises:
        Invalid: the cursor was not given out by this list.
    """
    row = IncidentHistoryRow
    statement = (
        select(row.id, row.at, row.what, UserRow.login, row.step, row.until)
        .outerjoin(UserRow, UserRow.id == row.user_id)
        .where(row.incident_id == incident_id)
        .order_by(row.id.desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(row.id < cursors.key(cursor))
    found = (await tx.execute(statement)).all()
    page = found[:limit]
    happened = [Happened(at, what, by, step, until) for _, at, what, by, step, until in page]
    return happened, str(page[-1].id) if len(found) > limit else None


async def forget(tx: AsyncSession, now: datetime) -> bool:
    """Delete some of the incidents that were resolved long ago; says whether there may be more.

    Of those that are not resolved the oldest lines are deleted, when there are many.
    """
    await tx.execute(_SHORTEN, {"lines": LINES})
    kept_since = now - timedelta(days=config.section(IncidentsSettings).keep_days)
    old = (
        select(IncidentRow.id)
        .where(IncidentRow.state == "resolved", IncidentRow.resolved_at < kept_since)
        .limit(FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    gone = await tx.scalars(
        delete(IncidentRow).where(IncidentRow.id.in_(old)).returning(IncidentRow.id)
    )
    return len(gone.all()) == FORGOTTEN_AT_ONCE
