"""Events of the calendar: made and changed by their authors, answered by their participants."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import scoped
from api.errors import problems
from api.schemas.events import (
    DecisionBody,
    EventAnswer,
    EventChangesBody,
    Login,
    NewEventBody,
    OccurrenceAnswer,
    ParticipantAnswer,
)
from api.schemas.moments import Instant
from api.schemas.pages import Cursor, Limit, Page
from api.versions import KnownVersions, tagged
from notilog import clock
from notilog.calendar import agenda, events, participation
from notilog.calendar.intervals import Interval
from notilog.db.session import reading, transaction
from notilog.users.caller import Caller

router = APIRouter(prefix="/events", tags=["events"])

Reader = Annotated[Caller, Depends(scoped("events:read"))]
Writer = Annotated[Caller, Depends(scoped("events:write"))]
Logins = Annotated[
    list[Login], Query(alias="login", max_length=100, description="whose; yours by default")
]
From = Annotated[Instant, Query(alias="from")]
To = Annotated[Instant, Query()]


@router.post("", status_code=201)
async def make_event(new: NewEventBody, response: Response, caller: Writer) -> EventAnswer:
    """Make an event; its participants are asked, and everybody is reminded."""
    async with transaction() as tx:
        made = await events.create(tx, caller, draft=new.draft(), now=clock.now())
    response.headers["Location"] = f"events/{made.id}"
    return tagged(response, EventAnswer.of(made))


@router.get("")
async def list_occurrences(
    *,
    caller: Reader,
    start: From,
    to: To,
    logins: Logins = [],  # noqa: B006  FastAPI copies it
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[OccurrenceAnswer]:
    """Every occurrence of these people that touches the window, sorted by start."""
    async with reading() as tx:
        items, following = await agenda.listing(
            tx, caller, logins=logins, window=Interval(start, to), limit=limit, cursor=cursor
        )
    return Page(items=[OccurrenceAnswer.of(item) for item in items], next=following)


@router.get("/{event_id}", responses=problems(404))
async def get_event(event_id: UUID, response: Response, caller: Reader) -> EventAnswer:
    """An event, as much of it as you may see."""
    async with reading() as tx:
        found = await events.get(tx, caller, event_id=event_id)
    return tagged(response, EventAnswer.of(found))


@router.patch("/{event_id}", responses=problems(404, 412))
async def change_event(
    *,
    event_id: UUID,
    changed: EventChangesBody,
    response: Response,
    caller: Writer,
    known: KnownVersions,
) -> EventAnswer:
    """Change an event of yours, all of a series; when its time moves, people are asked again."""
    async with transaction() as tx:
        event = await events.change(
            tx,
            caller,
            event_id=event_id,
            changes=changed.changes(),
            expected=known,
            now=clock.now(),
        )
    return tagged(response, EventAnswer.of(event))


@router.delete("/{event_id}", status_code=204, responses=problems(404, 412))
async def cancel_event(event_id: UUID, caller: Writer, known: KnownVersions) -> None:
    """Cancel an event of yours; nobody is reminded of it any more."""
    async with transaction() as tx:
        await events.cancel(tx, caller, event_id=event_id, expected=known, now=clock.now())


@router.put("/{event_id}/participants/{login}", responses=problems(404))
async def decide(
    event_id: UUID, login: str, decided: DecisionBody, caller: Writer
) -> ParticipantAnswer:
    """Decide whether you take part, in all or in one; an administrator may do it for anybody."""
    async with transaction() as tx:
        await participation.decide(
            tx,
            caller,
            event_id=event_id,
            login=login,
            decision=decided.decision,
            occurrence=decided.occurrence,
            now=clock.now(),
        )
    return ParticipantAnswer(login=login.lower(), decision=decided.decision)
