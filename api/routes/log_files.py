"""Files that the connector ``files`` has written: which there are, and what is in them."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from api.deps import scoped
from api.errors import problems
from api.file_part import answer
from api.schemas.log_files import SENT_FILE, LogFile
from api.schemas.pages import Limit, Page
from notilog.logs.files import reading
from notilog.users.caller import Caller

router = APIRouter(prefix="/logs/files", tags=["logs"])

MayRead = Annotated[Caller, Depends(scoped("logs:read"))]


@router.get("")
async def list_files(
    *,
    caller: MayRead,
    prefix: Annotated[str, Query(max_length=1000, description="how the names begin: `shop/`")] = "",
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Page[LogFile]:
    """List the log files that there are now, by name; none while the connector `files` is off.

    A token that is bound to a project sees that project's files.
    """
    found = await asyncio.to_thread(
        reading.listing, caller, prefix=prefix, limit=limit, cursor=cursor
    )
    return Page(items=[LogFile.of(file) for file in found.files], next=found.next)


@router.get(
    "/{name:path}",
    response_class=Response,
    responses={**SENT_FILE, **problems(404, 416)},
)
async def get_file(
    *,
    caller: MayRead,
    name: Annotated[str, Path(max_length=1000, description="a name of the list")],
    asked: Annotated[str | None, Header(alias="Range", description="`bytes=0-99`")] = None,
    only_if: Annotated[
        str | None, Header(alias="If-Range", description="the ETag of the bytes before")
    ] = None,
) -> Response:
    """Download a log file, or a range of its bytes.

    Of a file that is being written it is the whole lines that it has by now; ask again from there
    for what came since.
    """
    found = await asyncio.to_thread(reading.opened, caller, name)
    return answer(found, asked=asked, only_if=only_if)
