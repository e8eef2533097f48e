"""What leaves later than it should have may find its person asleep: it is held once more."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.notifications.stored_wishes import wishes_of
from notilog.notifications.wishes import asked_for, held_until, severity_of

_HOLD = text(
    """
    UPDATE deliveries AS d
    SET status = 'pending', attempts = d.attempts - 1,
        held_until = held.until, attempt_at = held.until
    FROM unnest(CAST(:ids AS uuid[]), CAST(:ends AS timestamptz[])) AS held (id, until)
    WHERE d.id = held.id
    """
)


async def held_back(tx: AsyncSession, rows: Iterable[Row[Any]], *, now: datetime) -> set[UUID]:
    """Let these claimed rows wait whose persons want to be left alone now; says which."""
    asking = [row for row in rows if not asked_for(row.kind)]
    if not asking:
        return set()
    wished = await wishes_of(tx, {row.user_id for row in asking})
    ends: dict[UUID, datetime] = {}
    for row in asking:
        wishes = wished.get(row.user_id)
        if wishes is None:
            continue
        at_once = replace(wishes, digest=timedelta(0))  # it has waited long enough
        until = held_until(
            now, at_once, severity=severity_of(row.priority), starts_at=row.starts_at
        )
        if until is not None:
            ends[row.id] = until
    if ends:
        await tx.execute(_HOLD, {"ids": list(ends), "ends": list(ends.values())})
    return set(ends)
