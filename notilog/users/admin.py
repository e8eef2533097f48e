"""The first administrator, without whom nobody could add the others."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.db.session import transaction
from notilog.errors import Conflict
from notilog.users import accounts, passwords
from notilog.users.accounts import Name, NewAccount
from notilog.users.credentials import issue
from notilog.users.tables import UserRow

ADMIN = "admin"


async def ensure_admin(password: str | None) -> str | None:
    """Create user ``admin`` unless there is one.

    Opens its own transactions, because a password's hash takes long. Returns the password that was
    generated, to be shown once; None when one was given or the user existed, whose password stays
    as it is.
    """
    async with transaction() as tx:
        if await _exists(tx):
            return None
    generated = None if password else issue("")
    password_hash = await passwords.hashed(password or generated or "")
    account = NewAccount(login=ADMIN, name=Name(first="NotiLog", last="Admin"), role="admin")
    try:
        async with transaction() as tx:
            await accounts.create(tx, account, password_hash=password_hash)
    except Conflict:  # another node was faster
        return None
    return generated


async def _exists(tx: AsyncSession) -> bool:
    return await tx.scalar(select(UserRow.id).where(UserRow.login == ADMIN)) is not None
