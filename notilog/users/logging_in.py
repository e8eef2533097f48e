"""Logging in: a password for a session; and checking a password before it is changed.

The slow hash is computed between two transactions, never within one.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from notilog.db.session import transaction
from notilog.errors import Invalid, TooMany, Unauthenticated
from notilog.users import login_attempts, passwords, sessions
from notilog.users.caller import Caller
from notilog.users.measures import LOGINS
from notilog.users.sessions import OpenedSession
from notilog.users.tables import UserRow


@dataclass(frozen=True, slots=True)
class _Known:
    user_id: UUID
    password_hash: str | None


async def log_in(login: str, password: str, *, address: str, now: datetime) -> OpenedSession:
    """Open a session; opens its own transactions.

    Raises:
        TooMany: too many failed lately for this login or from this address.
        Unauthenticated: no such person, or not their password; which, is not told.
    """
    try:
        known = await _right(login, password, address=address, now=now)
    except TooMany:
        LOGINS.add("too_many")
        raise
    if known is None:
        LOGINS.add("wrong")
        raise Unauthenticated("login or password is wrong")
    outdated = known.password_hash and passwords.is_outdated(known.password_hash)
    renewed = await passwords.hashed(password) if outdated else None
    async with transaction() as tx:
        await login_attempts.take_back(tx, login, address=address)
        if renewed:
            await tx.execute(
                update(UserRow)
                .where(UserRow.id == known.user_id, UserRow.password_hash == known.password_hash)
                .values(password_hash=renewed)
            )
        opened = await sessions.open_session(tx, known.user_id, now=now)
    LOGINS.add("signed_in")
    return opened


async def check_old_password(
    caller: Caller, password: str | None, *, address: str, now: datetime
) -> None:
    """Make sure that who changes their password knows it; opens its own transactions.

    Raises:
        Invalid: it is missing or wrong.
        TooMany: too many were wrong lately, as with logins.
    """
    if password is None:
        raise Invalid.field("old_password", "is required to change one's own password")
    if await _right(caller.login, password, address=address, now=now) is None:
        raise Invalid.field("old_password", "is wrong")
    async with transaction() as tx:
        await login_attempts.take_back(tx, caller.login, address=address)


async def _right(login: str, password: str, *, address: str, now: datetime) -> _Known | None:
    """The person whose login and password these are, counting the attempt first."""
    login = login.lower()
    async with transaction() as tx:
        await login_attempts.count(tx, login, address=address, now=now)
        query = select(UserRow.id, UserRow.password_hash).where(UserRow.login == login)
        found = (await tx.execute(query)).one_or_none()
    known = _Known(found.id, found.password_hash) if found else None
    if not await passwords.is_right(password, known.password_hash if known else None):
        return None
    return known
