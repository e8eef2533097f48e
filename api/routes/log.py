"""Short handles on log records, thin over the same verbs as `api.routes.logs`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.deps import scoped
from api.errors import problems
from api.schemas.logs import LogChangeById, LogRecord, Text
from api.schemas.pages import Page
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.instants import Instant
from notilog.logs import editing
from notilog.logs.filters import Filters
from notilog.logs.search import search
from notilog.users.caller import Caller

router = APIRouter(prefix="/log", tags=["logs"])

Reader = Annotated[Caller, Depends(scoped("logs:read"))]
Admin = Annotated[Caller, Depends(scoped("logs:admin"))]
Count = Annotated[int, Query(ge=1, le=1000, description="the newest so many")]
Since = Annotated[Instant, Query(alias="from", description="the first instant, included")]
Until = Annotated[Instant, Query(alias="to", description="the last instant, excluded")]
Word = Annotated[Text, Query()]


@router.get("")
async def get_log(
    *,
    caller: Reader,
    count: Count = 100,
    since: Since | None = None,
    until: Until | None = None,
    level: Word | None = None,
    module: Word | None = None,
    project: Word | None = None,
) -> Page[LogRecord]:
    """The newest records that match all that is given."""
    filters = Filters(project=project, module=module, level=level, since=since, until=until)
    return await _newest(caller, filters, count=count)


@router.get("/by_count")
async def by_count(*, caller: Reader, count: Count) -> Page[LogRecord]:
    """The newest records."""
    return await _newest(caller, Filters(), count=count)


@router.get("/by_dates")
async def by_dates(
    *, caller: Reader, since: Since, until: Until, count: Count = 100
) -> Page[LogRecord]:
    """The newest records between two instants."""
    return await _newest(caller, Filters(since=since, until=until), count=count)


@router.get("/by_level")
async def by_level(*, caller: Reader, level: Word, count: Count = 100) -> Page[LogRecord]:
    """The newest records of a level."""
    return await _newest(caller, Filters(level=level), count=count)


@router.get("/by_module")
async def by_module(*, caller: Reader, module: Word, count: Count = 100) -> Page[LogRecord]:
    """The newest records of a module."""
    return await _newest(caller, Filters(module=module), count=count)


@router.get("/by_project")
async def by_project(*, caller: Reader, project: Word, count: Count = 100) -> Page[LogRecord]:
    """The newest records of a project."""
    return await _newest(caller, Filters(project=project), count=count)


@router.post("", responses=problems(404))
async def change_log(change: LogChangeById, caller: Admin) -> LogRecord:
    """Give a record other values."""
    async with transaction() as tx:
        changed = await editing.change(
            tx, caller, change.id, changes=change.changes, now=clock.now()
        )
    return LogRecord.of(changed)


@router.delete("", status_code=204, responses=problems(404))
async def delete_log(caller: Admin, record_id: Annotated[UUID, Query(alias="id")]) -> None:
    """Delete a record."""
    async with transaction() as tx:
        await editing.delete_one(tx, caller, record_id, now=clock.now())


async def _newest(caller: Caller, filters: Filters, *, count: int) -> Page[LogRecord]:
    async with reading() as tx:
        found = await search(tx, caller, filters=filters, order="desc", limit=count)
    return Page(items=[LogRecord.of(row) for row in found.records], next=found.next)
