"""Accounts and tokens from the command line, on the same verbs as the API's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock
from notilog.config import Settings
from notilog.db.session import close_database, open_database, transaction
from notilog.users import accounts, passwords, tokens
from notilog.users.accounts import NewAccount
from notilog.users.admin import ensure_admin
from notilog.users.caller import Caller
from notilog.users.tokens import NewToken


async def ensure_first_admin(settings: Settings) -> str | None:
    """Make the account ``admin`` when there is none; returns its password if it was generated."""
    named = settings.core.admin_password
    async with _database(settings) as tx:
        return await ensure_admin(tx, named.get_secret_value() if named else None)


async def add_user(settings: Settings, new: NewAccount) -> None:
    """Add a person.

    Raises:
        Conflict: the login is taken.
    """
    secret = new.password
    password_hash = await passwords.hashed(secret.get_secret_value()) if secret else None
    async with _database(settings) as tx:
        await accounts.create(tx, new, password_hash=password_hash)


async def add_token(settings: Settings, login: str, *, new: NewToken) -> str:
    """Make a token that acts for ``login``; returned once, stored only as its digest.

    Raises:
        NotFound: there is no such user.
        Forbidden: it would have a right that the user has not.
    """
    async with _database(settings) as tx:
        owner = await accounts.find(tx, login)
        caller = Caller(owner.id, owner.login, owner.role, scopes=None, project=None)
        return (await tokens.mint(tx, caller, new=new, now=clock.now())).token


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[AsyncSession]:
    await open_database(settings)
    try:
        async with transaction() as tx:
            yield tx
    finally:
        await close_database()
