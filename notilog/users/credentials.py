"""Session ids and API tokens: random, known only to their holder, hashed at rest."""

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.users.caller import Caller
from notilog.users.tables import SessionRow, TokenRow, UserRow

SESSION_PREFIX = "nts_"
TOKEN_PREFIX = "ntl_"  # noqa: S105  what every token begins with, so that scanners find leaked ones
RANDOM_BYTES = 32


def issue(prefix: str) -> str:
    """A new secret that cannot be guessed."""
    return prefix + secrets.token_urlsafe(RANDOM_BYTES)


def digest(secret: str) -> bytes:
    """What is stored of a secret; plain SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


async def caller_behind(tx: AsyncSession, secret: str, *, now: datetime) -> Caller | None:
    """The caller who holds this session id or token; None when nobody does any more."""
    if secret.startswith(TOKEN_PREFIX):
        return await _behind_token(tx, digest(secret), now)
    return await _behind_session(tx, digest(secret), now)


# Built once: every request asks one of these two questions.
_SESSION = (
    select(UserRow.id, UserRow.login, UserRow.role, SessionRow.created_at, SessionRow.expires_at)
    .join(SessionRow, SessionRow.user_id == UserRow.id)
    .where(SessionRow.id_hash == bindparam("hashed"), SessionRow.expires_at > bindparam("now"))
)
_TOKEN = (
    select(
        UserRow.id,
        UserRow.login,
        UserRow.role,
        TokenRow.scopes,
        TokenRow.project,
        TokenRow.created_at,
        TokenRow.expires_at,
    )
    .join(TokenRow, TokenRow.user_id == UserRow.id)
    .where(
        TokenRow.token_hash == bindparam("hashed"),
        or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > bindparam("now")),
    )
)


async def _behind_session(tx: AsyncSession, hashed: bytes, now: datetime) -> Caller | None:
    found = (await tx.execute(_SESSION, {"hashed": hashed, "now": now})).one_or_none()
    if found is None:
        return None
    return Caller(
        found.id,
        found.login,
        found.role,
        scopes=None,
        project=None,
        credential=hashed,
        since=found.created_at,
        expires_at=found.expires_at,
    )


async def _behind_token(tx: AsyncSession, hashed: bytes, now: datetime) -> Caller | None:
    found = (await tx.execute(_TOKEN, {"hashed": hashed, "now": now})).one_or_none()
    if found is None:
        return None
    return Caller(
        found.id,
        found.login,
        found.role,
        scopes=frozenset(found.scopes),
        project=found.project,
        credential=hashed,
        since=found.created_at,
        expires_at=found.expires_at,
    )
