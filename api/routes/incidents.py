"""Incidents: listed, shown, and what people do about them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.deps import scoped
from api.errors import problems
from api.schemas.incidents import HappenedAnswer, IncidentAnswer, Silence
from api.schemas.pages import Cursor, Limit, Page
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.incidents import acting, history, incidents
from notilog.incidents.escalation import Severity, State
from notilog.incidents.incidents import Filters
from notilog.users.caller import Caller

router = APIRouter(prefix="/incidents", tags=["incidents"])

Reader = Annotated[Caller, Depends(scoped("incidents:read"))]
Writer = Annotated[Caller, Depends(scoped("incidents:write"))]
Words = Annotated[str | None, Query(min_length=1, max_length=300)]


def filters(
    *,
    state: Annotated[list[State] | None, Query(max_length=3, description="any of these")] = None,
    severity: Annotated[list[Severity] | None, Query(max_length=3)] = None,
    source: Annotated[str | None, Query(max_length=50, examples=["agent"])] = None,
    key: Annotated[Words, Query(description="what keys begin with")] = None,
    project: Words = None,
) -> Filters:
    """Which incidents are asked for."""
    return Filters(state or (), severity or (), source, key, project)


@router.get("")
async def list_incidents(
    *,
    caller: Reader,
    wanted: Annotated[Filters, Depends(filters)],
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[IncidentAnswer]:
    """Incidents that concern you, newest first; an administrator sees all."""
    async with reading() as tx:
        items, following = await incidents.listing(
            tx, caller, filters=wanted, limit=limit, cursor=cursor
        )
    return Page(items=[IncidentAnswer.of(item) for item in items], next=following)


@router.get("/{incident_id}", responses=problems(404))
async def show_incident(incident_id: UUID, caller: Reader) -> IncidentAnswer:
    """One incident."""
    async with reading() as tx:
        return IncidentAnswer.of(await incidents.get(tx, caller, incident_id=incident_id))


@router.get("/{incident_id}/history", responses=problems(404))
async def show_incident_history(
    incident_id: UUID, caller: Reader, limit: Limit = 100, cursor: Cursor | None = None
) -> Page[HappenedAnswer]:
    """What happened to it, the newest first."""
    async with reading() as tx:
        await incidents.get(tx, caller, incident_id=incident_id)
        found, following = await history.listing(tx, incident_id, limit=limit, cursor=cursor)
    return Page(items=[HappenedAnswer.model_validate(one) for one in found], next=following)


@router.post("/{incident_id}/acknowledge", responses=problems(404, 409))
async def acknowledge_incident(incident_id: UUID, caller: Writer) -> IncidentAnswer:
    """Say that you see to it: nobody is told again. Whoever was first stays."""
    async with transaction() as tx:
        shown = await acting.acknowledge(tx, caller, incident_id=incident_id, now=clock.now())
    return IncidentAnswer.of(shown)


@router.post("/{incident_id}/silence", responses=problems(404, 409))
async def silence_incident(incident_id: UUID, silence: Silence, caller: Writer) -> IncidentAnswer:
    """Let nobody be told of it until then, nor of what occurs of its key."""
    async with transaction() as tx:
        shown = await acting.silence(
            tx, caller, incident_id=incident_id, until=silence.until, now=clock.now()
        )
    return IncidentAnswer.of(shown)


@router.post("/{incident_id}/resolve", responses=problems(404))
async def resolve_incident(incident_id: UUID, caller: Writer) -> IncidentAnswer:
    """Say that it is over; the others who were told hear of it."""
    async with transaction() as tx:
        shown = await acting.resolve(tx, caller, incident_id=incident_id, now=clock.now())
    return IncidentAnswer.of(shown)
