"""Single occurrences of a series, and those that follow one: changed and cancelled."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from api.errors import problems
from api.routes.events import Writer
from api.schemas.events import EventAnswer, EventChangesBody, OccurrenceAnswer
from api.schemas.moments import Instant
from api.versions import KnownVersions, tagged
from notilog import clock
from notilog.calendar import agenda, following, one_occurrence
from notilog.db.session import transaction

router = APIRouter(prefix="/events/{event_id}/occurrences", tags=["events"])

OriginalStart = Annotated[
    Instant, Path(description="the start that the series gives it, wherever it was moved")
]
Scope = Annotated[
    Literal["this", "following"], Query(description="this one, or this and all that follow")
]


@router.patch("/{original_start}", responses=problems(404, 412))
async def change_occurrence(
    *,
    event_id: UUID,
    original_start: OriginalStart,
    scope: Scope = "this",
    changed: EventChangesBody,
    response: Response,
    caller: Writer,
    known: KnownVersions,
) -> OccurrenceAnswer | EventAnswer:
    """Change one occurrence, or it and all that follow, which then are a series of their own."""
    async with transaction() as tx:
        if scope == "following":
            event = await following.change_following(
                tx,
                caller,
                event_id=event_id,
                original_start=original_start,
                changes=changed.changes(),
                expected=known,
                now=clock.now(),
            )
            return tagged(response, EventAnswer.of(event))
        row, original_start = await one_occurrence.change_occurrence(
            tx,
            caller,
            event_id=event_id,
            original_start=original_start,
            changes=changed.changes(),
            expected=known,
            now=clock.now(),
        )
        found = await agenda.one(tx, caller, row, original_start=original_start)
    response.headers["ETag"] = f'"{row.version}"'
    return OccurrenceAnswer.of(found)


@router.delete("/{original_start}", status_code=204, responses=problems(404, 412))
async def cancel_occurrence(
    *,
    event_id: UUID,
    original_start: OriginalStart,
    scope: Scope = "this",
    caller: Writer,
    known: KnownVersions,
) -> None:
    """Cancel one occurrence, or it and all that follow; nobody is reminded of them any more."""
    verb = following.cancel_following if scope == "following" else one_occurrence.cancel_occurrence
    async with transaction() as tx:
        await verb(
            tx,
            caller,
            event_id=event_id,
            original_start=original_start,
            expected=known,
            now=clock.now(),
        )
