"""Sessions: what a person gets for a password, until it expires or they leave."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from pydantic import Field
from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.config import Section
from notilog.errors import Forbidden
from notilog.users import login_attempts
from notilog.users.caller import Caller
from notilog.users.credentials import SESSION_PREFIX, digest, issue
from notilog.users.tables import SessionRow

RENEWALS_PER_LIFETIME = 20


class SessionSettings(Section):
    """How long people stay signed in."""

    section: ClassVar[str] = "sessions"

    hours: int = Field(168, ge=1, le=8760, description="until an unused session expires")
    sliding: bool = Field(True, description="use prolongs a session")
    maximum_hours: int = Field(
        720, ge=1, le=8760, description="until even a session in use expires; counts when sliding"
    )

    @property
    def lifetime(self) -> timedelta:
        return timedelta(hours=self.hours)

    @property
    def longest(self) -> timedelta:
        """The longest that a session can last from its beginning."""
        return timedelta(hours=max(self.hours, self.maximum_hours if self.sliding else 0))


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session; ``id`` is told once and never stored."""

    id: str
    expires_at: datetime


async def open_session(tx: AsyncSession, user_id: UUID, *, now: datetime) -> OpenedSession:
    opened = OpenedSession(issue(SESSION_PREFIX), now + config.section(SessionSettings).lifetime)
    await tx.execute(
        insert(SessionRow).values(
            id_hash=digest(opened.id),
            user_id=user_id,
            created_at=now,
            expires_at=opened.expires_at,
        )
    )
    return opened


def is_due_for_renewal(caller: Caller, *, now: datetime) -> bool:
    """Whether use should prolong the session: not at every request, which would write each time."""
    settings = config.section(SessionSettings)
    if not (caller.in_person and settings.sliding and caller.since and caller.expires_at):
        return False
    gained = _end_of_use(settings, caller.since, now) - caller.expires_at
    return gained > settings.lifetime / RENEWALS_PER_LIFETIME


async def renew(tx: AsyncSession, caller: Caller, *, now: datetime) -> None:
    """Prolong the caller's session, but never beyond the longest that one may last."""
    if caller.since is not None:
        end = _end_of_use(config.section(SessionSettings), caller.since, now)
        await tx.execute(
            update(SessionRow).where(SessionRow.id_hash == caller.credential).values(expires_at=end)
        )


def _end_of_use(settings: SessionSettings, since: datetime, now: datetime) -> datetime:
    return min(now + settings.lifetime, since + settings.longest)


async def close_session(tx: AsyncSession, caller: Caller) -> None:
    """End the caller's session.

    Raises:
        Forbidden: it is a token that they came with.
    """
    if not caller.in_person:
        raise Forbidden("this is a token, not a session; it ends with DELETE /tokens/{id}")
    await tx.execute(delete(SessionRow).where(SessionRow.id_hash == caller.credential))


async def close_others(tx: AsyncSession, user_id: UUID, *, but: bytes) -> None:
    """End every session of a person, except the one whose hash is ``but``."""
    await tx.execute(
        delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.id_hash != but)
    )


async def close_all(tx: AsyncSession, user_id: UUID) -> None:
    """End every session of a person."""
    await tx.execute(delete(SessionRow).where(SessionRow.user_id == user_id))


async def forget_expired(tx: AsyncSession, now: datetime) -> int:
    """Delete sessions, and counts of failed logins, whose time is over; returns how many."""
    ended = await tx.execute(
        delete(SessionRow).where(SessionRow.expires_at <= now).returning(SessionRow.id_hash)
    )
    return len(ended.all()) + await login_attempts.forget_expired(tx, now)
