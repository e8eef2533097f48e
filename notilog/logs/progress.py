"""Until when everything that the broker had was stored, and looked at by the connectors.

Nobody can ask a broker how old the oldest message is that some consumer holds. So marks travel with
the batches: once a worker has done with a group in which one came, what was accepted before it is
known to be done with, apart from what others held at that moment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.logs.tables import LogProgressRow

MARGIN: Final = timedelta(seconds=5)
"""How much longer than the mark's another process may hold its group."""

_held: dict[object, datetime] = {}


@contextmanager
def holding(accepted_at: datetime) -> Iterator[None]:
    """While this process has a group that is not done with, the oldest of which is so old."""
    key = object()
    _held[key] = accepted_at
    try:
        yield
    finally:
        del _held[key]


async def note(tx: AsyncSession, mark: datetime) -> None:
    """A mark of this instant has come through."""
    until = min(mark, *_held.values()) if _held else mark
    statement = insert(LogProgressRow).values(id=1, done_until=until)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[LogProgressRow.id],
            set_={"done_until": func.greatest(LogProgressRow.done_until, until)},
        )
    )


async def done_until(tx: AsyncSession) -> datetime | None:
    """Before when nothing waits any more; None when no mark has ever come through."""
    found: datetime | None = await tx.scalar(select(LogProgressRow.done_until))
    return None if found is None else found - MARGIN
