"""Accounts and tokens from the command line, on the same verbs as the API's."""

from pydantic import SecretStr

from notilog import clock
from notilog.config import Settings
from notilog.db.session import transaction
from notilog.errors import Invalid
from notilog.ops.database import database
from notilog.users import accounts, changes, passwords, tokens
from notilog.users.accounts import NewAccount
from notilog.users.admin import ensure_admin
from notilog.users.caller import Caller
from notilog.users.tokens import NewToken


async def ensure_first_admin(settings: Settings) -> str | None:
    """Make the account ``admin`` when there is none; returns its password if it was generated."""
    named = settings.core.admin_password
    async with database(settings):
        return await ensure_admin(named.get_secret_value() if named else None)


async def add_user(settings: Settings, new: NewAccount) -> None:
    """Add a person.

    Raises:
        Conflict: the login is taken.
    """
    secret = new.password
    password_hash = await passwords.hashed(secret.get_secret_value()) if secret else None
    async with database(settings), transaction() as tx:
        await accounts.create(tx, new, password_hash=password_hash)


async def replace_password(settings: Settings, login: str, password: SecretStr) -> None:
    """Give a person another password; their sessions end.

    Raises:
        NotFound: there is no such user.
        Invalid: the password is too short or too long.
    """
    secret = password.get_secret_value()
    if not passwords.MINIMAL_LENGTH <= len(secret) <= passwords.MAXIMAL_LENGTH:
        span = f"{passwords.MINIMAL_LENGTH} to {passwords.MAXIMAL_LENGTH}"
        raise Invalid.field("password", f"must have {span} characters")
    password_hash = await passwords.hashed(secret)
    async with database(settings), transaction() as tx:
        await changes.replace_password(tx, login, password_hash=password_hash)


async def add_token(settings: Settings, login: str, *, new: NewToken) -> str:
    """Make a token that acts for ``login``; returned once, stored only as its digest.

    Raises:
        NotFound: there is no such user.
        Forbidden: it would have a right that the user has not.
    """
    async with database(settings), transaction() as tx:
        owner = await accounts.find(tx, login)
        caller = Caller(owner.id, owner.login, owner.role, scopes=None, project=None)
        return (await tokens.mint(tx, caller, new=new, now=clock.now())).token
