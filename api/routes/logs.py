"""Log records: sending them, and finding them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request

from api.deps import scoped
from api.errors import problems
from api.log_publisher import ToBroker
from api.schemas.logs import SENT_RECORDS, Accepted, LogQuery, LogRecord
from api.schemas.pages import Page
from notilog import clock
from notilog.db.session import reading
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
    content_type = request.headers.get("content-type", "")
    sent = unpacked(Sent(await request.body(), content_type, content_encoding))
    batch_id = None
    if idempotency_key:
        sender = str(caller.user_id)
        batch_id = repeatable_id(sender, caller.project, idempotency_key, sent.body)
    batch = accept(sent, now=clock.now(), batch_id=batch_id, project=caller.project)
    refuse_all_bad(batch)
    await broker.publish(sealed(batch))
    return Accepted.of(batch)


@router.get("")
async def find_records(
    asked: Annotated[LogQuery, Query()],
    caller: Annotated[Caller, Depends(scoped("logs:read"))],
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
