"""Log records: sending them, and finding them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request

from api.deps import scoped
from api.errors import problems
from api.log_publisher import ToBroker
from api.schemas.logs import (
    SENT_RECORDS,
    Accepted,
    LogChange,
    LogEdit,
    LogFilters,
    LogQuery,
    LogRecord,
    LogsDeleted,
)
from api.schemas.pages import Page
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.instants import Instant
from notilog.logs import editing, room
from notilog.logs.batch import sealed
from notilog.logs.intake import Sent, accept, refuse_all_bad, repeatable_id, unpacked
from notilog.logs.search import search
from notilog.users.caller import Caller

router = APIRouter(prefix="/logs", tags=["logs"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="the same records under the same key are stored once",
    ),
]
Reader = Annotated[Caller, Depends(scoped("logs:read"))]
Admin = Annotated[Caller, Depends(scoped("logs:admin"))]
At = Annotated[
    Instant | None, Query(alias="ts", description="its time, with which it is found at once")
]
ContentEncoding = Annotated[str, Header(description="gzip or zstd")]


@router.post("", status_code=202, openapi_extra=SENT_RECORDS, responses=problems(400, 413, 422))
async def send_records(
    *,
    request: Request,
    caller: Annotated[Caller, Depends(scoped("logs:write"))],
    broker: ToBroker,
    content_encoding: ContentEncoding = "",
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Send one record, an array, or one a line; answered once they cannot be lost any more.

    Bad records are listed and the others kept; a batch without any good one is refused.
    """
    floor = room.lowest_taken()
    content_type = request.headers.get("content-type", "")
    sent = unpacked(Sent(await request.body(), content_type, content_encoding))
    batch_id = None
    if idempotency_key:
        sender = str(caller.user_id)
        batch_id = repeatable_id(sender, caller.project, idempotency_key, sent.body)
    batch = accept(
        sent,
        now=clock.now(),
        batch_id=batch_id,
        project=caller.project,
        floor=floor,
    )
    refuse_all_bad(batch)
    await broker.publish(sealed(batch))
    return Accepted.of(batch)


@router.get("")
async def find_records(
    asked: Annotated[LogQuery, Query()],
    caller: Reader,
) -> Page[LogRecord]:
    """Find records, newest first; filter by attributes with `attr.KEY=value`."""
    async with reading() as tx:
        found = await search(
            tx,
            caller,
            filters=asked.filters,
            order=asked.order,
            limit=asked.limit,
            cursor=asked.cursor,
        )
    return Page(items=[LogRecord.of(row) for row in found.records], next=found.next)


@router.delete("", responses=problems(422))
async def delete_records(asked: Annotated[LogFilters, Query()], caller: Admin) -> LogsDeleted:
    """Delete the oldest records that match, up to 10,000; at least one filter is needed."""
    async with transaction() as tx:
        gone = await editing.delete_matching(tx, caller, filters=asked.filters, now=clock.now())
    return LogsDeleted(deleted=gone.records, more=gone.more)


one = APIRouter(prefix="/logs", tags=["logs"])
"""Single records: behind every other path below ``/logs``."""


@one.get("/{record_id}", responses=problems(404))
async def show_record(record_id: UUID, caller: Reader, ts: At = None) -> LogRecord:
    """One record."""
    async with reading() as tx:
        return LogRecord.of(await editing.find(tx, caller, record_id, ts=ts))


@one.get("/{record_id}/edits", responses=problems(404))
async def show_edits(record_id: UUID, caller: Admin) -> list[LogEdit]:
    """What was done to a record, the newest first; also of one that was deleted."""
    async with reading() as tx:
        return [LogEdit.of(row) for row in await editing.history(tx, caller, record_id)]


@one.patch("/{record_id}", responses=problems(404))
async def change_record(
    record_id: UUID, change: LogChange, caller: Admin, ts: At = None
) -> LogRecord:
    """Give a record other values; who did it, and what it was before, is remembered."""
    async with transaction() as tx:
        changed = await editing.change(
            tx, caller, record_id, changes=change.changes, now=clock.now(), ts=ts
        )
    return LogRecord.of(changed)


@one.delete("/{record_id}", status_code=204, responses=problems(404))
async def delete_record(record_id: UUID, caller: Admin, ts: At = None) -> None:
    """Delete a record; who did it, and what it was, is remembered."""
    async with transaction() as tx:
        await editing.delete_one(tx, caller, record_id, now=clock.now(), ts=ts)
