"""Enrolling an agent: a code that is good once and for minutes, in exchange for a token."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.agents.connecting import added
from notilog.agents.protocol import About
from notilog.agents.settings import AgentsSettings
from notilog.agents.tables import EnrolmentRow
from notilog.errors import Forbidden, Unauthenticated
from notilog.users import tokens
from notilog.users.caller import Caller, Scope
from notilog.users.credentials import digest, issue
from notilog.users.tables import UserRow
from notilog.users.tokens import NewToken

CODE_PREFIX: Final = "nte_"
"""What every code begins with, so that scanners find leaked ones."""
SCOPES: Final[tuple[Scope, ...]] = ("agents:connect", "logs:write")


@dataclass(frozen=True, slots=True)
class Code:
    """A new code; it is told once and never stored."""

    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new agent, and its token: told once and never stored."""

    agent_id: UUID
    token: str


async def allow(
    tx: AsyncSession, caller: Caller, *, now: datetime, project: str | None = None
) -> Code:
    """Make a code with which one agent may be enrolled; the agent will be the caller's.

    Args:
        tx: to be committed before the code is told.
        caller: an administrator.
        now: from which on the code is good.
        project: the only one whose records the agent may send; that of the caller's token, if it
            is bound to one.

    Raises:
        Forbidden: the caller is bound to another project.
    """
    if caller.project is not None and project not in {None, caller.project}:
        raise Forbidden(f"you are bound to project {caller.project}")
    code = issue(CODE_PREFIX)
    expires_at = now + timedelta(minutes=config.section(AgentsSettings).enrolment_minutes)
    await tx.execute(
        insert(EnrolmentRow).values(
            code_hash=digest(code),
            made_by=caller.user_id,
            project=project or caller.project,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return Code(code, expires_at)


async def enrol(tx: AsyncSession, code: str, *, about: About, now: datetime) -> Enrolled:
    """Use a code: a new agent with a token of its own.

    Raises:
        Unauthenticated: the code is not known, was used, or is too old.
        Forbidden: whoever made it may not connect agents any more.
        Conflict: there are as many agents as there may be.
    """
    update_used = (
        update(EnrolmentRow)
        .where(
            EnrolmentRow.code_hash == digest(code),
            EnrolmentRow.used_at.is_(None),
            EnrolmentRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(EnrolmentRow.made_by, EnrolmentRow.project)
        .execution_options(synchronize_session=False)
    )
    used = (await tx.execute(update_used)).one_or_none()
    if used is None:
        raise Unauthenticated("this code is not known, was used already, or has expired")
    person = (await tx.scalars(select(UserRow).where(UserRow.id == used.made_by))).one()
    owner = Caller(person.id, person.login, person.role, scopes=None, project=None)
    if not owner.is_admin:
        raise Forbidden("whoever made this code may not enrol agents any more")
    new = NewToken.model_construct(
        name=f"agent {about.name}"[:200], scopes=list(SCOPES), project=used.project
    )
    minted = await tokens.mint(tx, owner, new=new, now=now)
    row = await added(tx, about, owner=person.id, token_id=minted.id, now=now)
    return Enrolled(row.id, minted.token)
