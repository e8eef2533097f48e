"""Counts of log records: over time, and by their fields."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.deps import scoped
from api.schemas.logs import FacetsQuery, HistogramQuery, LogFacets, LogHistogram
from notilog import clock
from notilog.db.session import reading
from notilog.logs import counting
from notilog.users.caller import Caller

router = APIRouter(prefix="/logs", tags=["logs"])

Reader = Annotated[Caller, Depends(scoped("logs:read"))]


@router.get("/histogram")
async def histogram(asked: Annotated[HistogramQuery, Query()], caller: Reader) -> LogHistogram:
    """Records over time, by level, in whole intervals; the last day unless asked else."""
    async with reading() as tx:
        found = await counting.histogram(
            tx, caller, filters=asked.filters, interval=asked.length, now=clock.now()
        )
    return LogHistogram.of(found)


@router.get("/facets")
async def facets(asked: Annotated[FacetsQuery, Query()], caller: Reader) -> LogFacets:
    """The most frequent values of fields among the records asked for."""
    async with reading() as tx:
        found = await counting.facets(
            tx, caller, filters=asked.filters, fields=asked.field, limit=asked.limit
        )
    return LogFacets.of(found)
