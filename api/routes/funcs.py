"""What is computed from many people's calendars: busy time and free time."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends

from api.deps import scoped
from api.schemas.availability import (
    BusyTimeAnswer,
    BusyTimeBody,
    FreeTimeAnswer,
    FreeTimeBody,
)
from notilog.calendar import availability
from notilog.calendar.intervals import Interval
from notilog.db.session import reading
from notilog.users.caller import Caller

router = APIRouter(prefix="/funcs", tags=["events"])

Reader = Annotated[Caller, Depends(scoped("events:read"))]


@router.post("/free_time")
async def find_free_time(question: FreeTimeBody, caller: Reader) -> FreeTimeAnswer:
    """The nearest time at which all of these people are free, within their work hours."""
    async with reading() as tx:
        found = await availability.free_time(
            tx,
            caller,
            logins=question.logins,
            duration=question.duration,
            start=question.start,
            until=question.until,
            buffer=question.buffer or timedelta(),
        )
    return FreeTimeAnswer.of(found)


@router.post("/busy_time")
async def find_busy_time(question: BusyTimeBody, caller: Reader) -> list[BusyTimeAnswer]:
    """When these people cannot come."""
    async with reading() as tx:
        found = await availability.busy_time(
            tx, caller, logins=question.logins, window=Interval(question.start, question.to)
        )
    return [BusyTimeAnswer.of(one) for one in found]
