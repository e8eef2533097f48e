"""API tokens: the rights of programs, never more than their owner's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog.errors import Forbidden, Invalid, NotFound
from notilog.instants import Instant
from notilog.users.caller import Caller, Scope
from notilog.users.contacts import PersonalName
from notilog.users.credentials import TOKEN_PREFIX, digest, issue
from notilog.users.tables import TokenRow


class NewToken(BaseModel):
    """A token to make; bound to a project it reads and writes only that project's records."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: PersonalName = Field(examples=["shipper on web-1"])
    scopes: list[Scope] = Field(min_length=1, max_length=16, examples=[["logs:write"]])
    project: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    expires_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A new token; ``token`` is told once and never stored."""

    id: UUID
    token: str


async def mint(tx: AsyncSession, by: Caller, *, new: NewToken, now: datetime) -> MintedToken:
    """Make a token for the caller, or a narrower one for the holder of a token.

    A token made with a token ends with it: it may not outlive it, and is deleted along with it.

    Raises:
        Forbidden: it would have a right, a project or a time that its maker has not.
        Invalid: it would have expired already.
    """
    if new.expires_at is not None and new.expires_at <= now:
        raise Invalid.field("expires_at", "must be in the future")
    _check_narrower(new, by)
    minted = MintedToken(uuid7(), issue(TOKEN_PREFIX))
    await tx.execute(
        insert(TokenRow).values(
            id=minted.id,
            user_id=by.user_id,
            name=new.name,
            token_hash=digest(minted.token),
            scopes=sorted(set(new.scopes)),
            project=new.project or by.project,
            created_at=now,
            expires_at=new.expires_at or (None if by.in_person else by.expires_at),
            made_with=None if by.in_person else await _id_of(tx, by),
        )
    )
    return minted


def _check_narrower(new: NewToken, by: Caller) -> None:
    beyond = [scope for scope in new.scopes if not by.may(scope)]
    if beyond:
        raise Forbidden(f"you have not the right {', '.join(beyond)} yourself")
    if by.project is not None and new.project not in (None, by.project):
        raise Forbidden(f"you are bound to project {by.project}")
    end = None if by.in_person else by.expires_at
    if end is not None and new.expires_at is not None and new.expires_at > end:
        raise Forbidden(f"your own token ends at {end:%Y-%m-%dT%H:%M:%SZ}")


async def _id_of(tx: AsyncSession, holder: Caller) -> UUID:
    """The caller's own token, locked, so that it cannot be deleted without the one made with it."""
    query = select(TokenRow.id).where(TokenRow.token_hash == holder.credential)
    found = await tx.scalar(query.with_for_update(key_share=True))
    if found is None:
        raise Forbidden("your own token was deleted")
    return found


async def listing(tx: AsyncSession, by: Caller) -> Sequence[TokenRow]:
    """The caller's tokens, newest first."""
    check_in_person(by)
    query = select(TokenRow).where(TokenRow.user_id == by.user_id).order_by(TokenRow.id.desc())
    return (await tx.scalars(query)).all()


async def revoke(tx: AsyncSession, token_id: UUID, *, by: Caller) -> None:
    """Delete a token: one's own, or as an administrator anyone's.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    check_in_person(by)
    query = delete(TokenRow).where(TokenRow.id == token_id)
    if not by.is_admin:
        query = query.where(TokenRow.user_id == by.user_id)
    if (await tx.execute(query.returning(TokenRow.id))).one_or_none() is None:
        raise NotFound(f"there is no token {token_id}")


def check_in_person(by: Caller) -> None:
    """Refuse a program that is not an administrator's.

    Raises:
        Forbidden: whoever found a narrow token shall not see or end the others of its owner.
    """
    if not (by.in_person or by.is_admin):
        raise Forbidden("tokens are looked after by signing in, not with a token")
