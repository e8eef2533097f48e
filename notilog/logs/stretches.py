"""The stretches of time that a search for words goes through, one after the other.

Each is one that an index covers, or the newest, which is short and has none. A search for anything
else needs no such care, and goes through all of the time at once.
"""

from datetime import datetime
from itertools import pairwise
from typing import Literal

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.logs import spans
from notilog.logs.filters import Filters
from notilog.logs.tables import LogRecordRow

Order = Literal["desc", "asc"]


async def stretches(
    tx: AsyncSession, filters: Filters, *, order: Order
) -> list[list[ColumnElement[bool]]]:
    """Conditions on the time, in the order in which the stretches are to be gone through."""
    if not filters.words:
        return [[]]
    bounds = await spans.bounds(tx)
    edges: list[datetime | None] = [None, *sorted(bounds), None]
    found = [
        _between(begin, end)
        for begin, end in pairwise(edges)
        if (not filters.since or not end or end > filters.since)
        and (not filters.until or not begin or begin < filters.until)
    ]
    return found if order == "asc" else found[::-1]


def _between(begin: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    bounds = []
    if begin is not None:
        bounds.append(LogRecordRow.ts >= begin)
    if end is not None:
        bounds.append(LogRecordRow.ts < end)
    return bounds
