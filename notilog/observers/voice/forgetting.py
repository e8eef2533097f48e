"""Everything that an observer recorded, deleted."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import CursorResult, text

from notilog.db.session import transaction

AT_ONCE: Final = 10_000
"""Rows that one transaction deletes, so that none is long."""
_TABLES: Final = (
    *("voice_actions", "voice_sessions"),
    *("voice_members", "voice_channels", "voice_guilds"),
)
_DELETES: Final = tuple(
    text(
        f"DELETE FROM {table} WHERE ctid IN"  # noqa: S608  names of our own tables
        f" (SELECT ctid FROM {table} WHERE observer_id = :observer LIMIT :most)"
    )
    for table in _TABLES
)


async def forget(observer_id: UUID) -> None:
    """Delete in pieces what the observer recorded; it must not record any more."""
    for statement in _DELETES:
        deleted = AT_ONCE
        while deleted == AT_ONCE:
            async with transaction() as tx:
                values = {"observer": observer_id, "most": AT_ONCE}
                gone: CursorResult[Any] = await tx.execute(statement, values)  # type: ignore[assignment]
                deleted = gone.rowcount
