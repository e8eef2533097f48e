"""Finding records: filters on every field, text, attributes, and pages by ``(ts, id)``."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import cursors
from notilog.logs.filters import Filters, conditions, within_time
from notilog.logs.stretches import Order, stretches
from notilog.logs.tables import LogRecordRow
from notilog.users.caller import Caller


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records, and the cursor behind which the next one begins."""

    records: Sequence[LogRecordRow]
    next: str | None


async def search(
    tx: AsyncSession,
    caller: Caller,
    *,
    filters: Filters,
    order: Order,
    limit: int,
    cursor: str | None = None,
) -> Found:
    """One page.

    A cursor is a place between two records, so it serves both orders: with the other order the
    page goes back from it. Records that arrive meanwhile never move a page.

    Raises:
        Invalid: a level or the cursor is not understood, or the search takes too long.
    """
    place = tuple_(LogRecordRow.ts, LogRecordRow.id)
    wanted = select(LogRecordRow).where(*conditions(filters, caller))
    if cursor is not None:
        at = tuple_(*map(literal, cursors.place(cursor)))
        wanted = wanted.where(place < at if order == "desc" else place > at)
    columns = (LogRecordRow.ts, LogRecordRow.id)
    ordered = wanted.order_by(*(getattr(column, order)() for column in columns))
    records: list[LogRecordRow] = []
    for stretch in await stretches(tx, filters, order=order):
        part = ordered.where(*stretch).limit(limit + 1 - len(records))
        records += [row for (row,) in await within_time(tx, part)]
        if len(records) > limit:
            break
    page = records[:limit]
    if len(records) <= limit:
        return Found(page, None)
    return Found(page, cursors.behind(page[-1].ts, page[-1].id))
