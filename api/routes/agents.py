"""Agents: enrolled, listed, told what to do, and deleted."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.deps import Admin
from api.errors import problems
from api.schemas.agents import (
    AgentAnswer,
    AgentChangeAnswer,
    AgentChanges,
    AgentListed,
    EnrolmentAnswer,
    NewEnrolment,
)
from api.schemas.pages import Cursor, Limit, Page
from api.versions import KnownVersions, tagged
from notilog import clock
from notilog.agents import enrolment, history, registry
from notilog.db.session import reading, transaction

router = APIRouter(prefix="/agents", tags=["agents"])


@router.post("/enrolments", status_code=201)
async def make_enrolment(caller: Admin, new: NewEnrolment | None = None) -> EnrolmentAnswer:
    """Make a code with which one agent is enrolled; it is good once, for minutes."""
    project = None if new is None else new.project
    async with transaction() as tx:
        made = await enrolment.allow(tx, caller, project=project, now=clock.now())
    return EnrolmentAnswer.model_validate(made)


@router.get("")
async def list_agents(
    _: Admin, limit: Limit = 100, cursor: Cursor | None = None
) -> Page[AgentListed]:
    """The agents, newest first, without what their settings and last heartbeats say."""
    async with reading() as tx:
        rows, following = await registry.listing(tx, limit=limit, cursor=cursor)
    now = clock.now()
    return Page(items=[AgentListed.of(row, now) for row in rows], next=following)


@router.get("/{agent_id}", responses=problems(404))
async def show_agent(agent_id: UUID, response: Response, _: Admin) -> AgentAnswer:
    """One agent."""
    async with reading() as tx:
        row = await registry.get(tx, agent_id)
    return tagged(response, AgentAnswer.of(row, clock.now()))


@router.patch("/{agent_id}", responses=problems(404, 412))
async def change_agent(
    *,
    agent_id: UUID,
    changes: AgentChanges,
    response: Response,
    _: Admin,
    known: KnownVersions,
) -> AgentAnswer:
    """Change its name, its settings, or who hears of it; settings reach it within a heartbeat."""
    now = clock.now()
    async with transaction() as tx:
        row = await registry.change(tx, agent_id, wanted=changes.wanted, expected=known, now=now)
    return tagged(response, AgentAnswer.of(row, now))


@router.delete("/{agent_id}", status_code=204, responses=problems(404))
async def delete_agent(agent_id: UUID, _: Admin) -> None:
    """Delete it with its history and its token; it is disconnected within a heartbeat."""
    async with transaction() as tx:
        await registry.remove(tx, agent_id)


@router.get("/{agent_id}/history", responses=problems(404))
async def show_agent_history(
    agent_id: UUID, _: Admin, limit: Limit = 100, cursor: Cursor | None = None
) -> Page[AgentChangeAnswer]:
    """What changed of it, the newest first: states, checks and versions."""
    async with reading() as tx:
        await registry.get(tx, agent_id)
        rows, following = await history.listing(tx, agent_id, limit=limit, cursor=cursor)
    items = [AgentChangeAnswer.model_validate(row) for row in rows]
    return Page(items=items, next=following)
