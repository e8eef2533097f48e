"""Calendars as files: a feed that other programs subscribe to, and the import of theirs."""

import asyncio
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.deps import caller_of, scoped
from api.errors import problems
from api.schemas.calendars import FEED, FILE, ImportAnswer
from notilog import clock
from notilog.calendar import exporting, importing
from notilog.calendar.ics import reading as files
from notilog.db.session import reading, transaction
from notilog.errors import Forbidden
from notilog.users import accounts
from notilog.users.caller import Caller

router = APIRouter(prefix="/calendars", tags=["events"])

FEED_SCOPE = "events:feed"


async def subscriber(
    token: Annotated[
        str,
        Query(max_length=200, description="a token with the right `events:feed` and no other"),
    ],
) -> Caller:
    """Whose feed token this is; one that could do more does not belong into an address."""
    caller = await caller_of(token)
    if caller.scopes != frozenset({FEED_SCOPE}) or not caller.may(FEED_SCOPE):
        raise Forbidden(f"a feed needs a token with the right {FEED_SCOPE} and no other")
    return caller


@router.get("/{login}.ics", responses={**problems(401, 403, 404), **FEED}, response_class=Response)
async def get_feed(
    login: Annotated[str, Path(max_length=63)],
    caller: Annotated[Caller, Depends(subscriber)],
) -> Response:
    """A person's calendar, as much of it as the holder of the token may see.

    Make the token with `POST /tokens` and the scope `events:feed`; deleting it ends the feed.
    """
    async with reading() as tx:
        text = await exporting.feed(tx, caller, login=login, now=clock.now())
    return Response(text, media_type="text/calendar")


@router.post("/import", openapi_extra=FILE, responses=problems(400, 413))
async def import_calendar(
    request: Request, caller: Annotated[Caller, Depends(scoped("events:write"))]
) -> ImportAnswer:
    """Take in a calendar file: all of it, or nothing and the lines that are wrong.

    An event that came before, by its UID, is replaced. Times without a zone are in yours.
    """
    body = await request.body()
    async with reading() as tx:
        zone = ZoneInfo((await accounts.find(tx, caller.login)).timezone)
    events = await asyncio.to_thread(files.read, body, floating=zone)
    async with transaction() as tx:
        imported = await importing.take_in(tx, caller, events, now=clock.now())
    return ImportAnswer.of(imported)
