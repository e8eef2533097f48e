"""Changing an account: one's own, or as an administrator anyone's."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import jobs
from notilog.db.session import transaction
from notilog.errors import Conflict, Forbidden
from notilog.users import accounts, passwords, sessions
from notilog.users.accounts import Name
from notilog.users.caller import Caller, Role
from notilog.users.contacts import (
    Email,
    Language,
    Phone,
    TelegramChat,
    TimeZone,
    Webhook,
    WorkDays,
)
from notilog.users.logging_in import check_old_password
from notilog.users.passwords import MAXIMAL_LENGTH, MINIMAL_LENGTH
from notilog.users.tables import UserRow

MOVED = "users.moved"
"""The task that follows a person into another time zone."""


class AccountChange(BaseModel):
    """What to change of an account: only the fields that are given; null empties a contact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name | None = None
    password: SecretStr | None = Field(None, min_length=MINIMAL_LENGTH, max_length=MAXIMAL_LENGTH)
    old_password: SecretStr | None = Field(
        None, max_length=MAXIMAL_LENGTH, description="needed to change one's own password"
    )
    role: Role | None = None
    email: Email | None = None
    phone: Phone | None = None
    telegram_chat_id: TelegramChat | None = None
    slack_webhook: Webhook | None = None
    timezone: TimeZone | None = None
    language: Language | None = None
    work_days: WorkDays | None = None

    @field_validator("name", "password", "old_password", "role", "timezone", "language")
    @classmethod
    def _is_not_emptied(cls, value: object) -> object:
        if value is None:
            raise ValueError("cannot be null")
        return value


async def change(
    login: str, changed: AccountChange, *, by: Caller, address: str, now: datetime
) -> UserRow:
    """Change an account; opens its own transactions, because a password's hash takes long.

    A new password ends the person's other sessions.

    Raises:
        Forbidden: not the caller's to change.
        NotFound: there is no such user.
        Conflict: nobody would be left to administer.
        Invalid, TooMany: see `check_old_password`.
    """
    _check_may_change(login, changed, by=by)
    password_hash = None
    if changed.password is not None:
        if login.lower() == by.login:
            old = changed.old_password.get_secret_value() if changed.old_password else None
            await check_old_password(by, old, address=address, now=now)
        password_hash = await passwords.hashed(changed.password.get_secret_value())
    async with transaction() as tx:
        return await _store(tx, login, changed, by=by, password_hash=password_hash)


async def replace_password(tx: AsyncSession, login: str, *, password_hash: str) -> None:
    """Give a person another password without the old one, and end all their sessions.

    Raises:
        NotFound: there is no such user.
    """
    account = await accounts.find(tx, login)
    account.password_hash = password_hash
    await tx.flush()
    await sessions.close_all(tx, account.id)


async def _store(
    tx: AsyncSession, login: str, changed: AccountChange, *, by: Caller, password_hash: str | None
) -> UserRow:
    if changed.role == "user":
        await _keep_an_administrator(tx, login)
    account = await accounts.find(tx, login)
    values = accounts.columns_of(changed)
    if password_hash is not None:
        values["password_hash"] = password_hash
        await sessions.close_others(tx, account.id, but=by.credential)
    if values:
        await tx.execute(update(UserRow).where(UserRow.id == account.id).values(values))
        if "timezone" in values:
            jobs.wake(MOVED, str(account.id))
        await tx.refresh(account)
    return account


def _check_may_change(login: str, changed: AccountChange, *, by: Caller) -> None:
    if by.is_admin:
        return
    if login.lower() != by.login:
        raise Forbidden("only an administrator changes somebody else's account")
    if not by.in_person:
        raise Forbidden("an account is changed by signing in, not with a token")
    if changed.role is not None:
        raise Forbidden("only an administrator gives a role")


async def _keep_an_administrator(tx: AsyncSession, login: str) -> None:
    query = select(UserRow.login).where(UserRow.role == "admin").with_for_update()
    if list(await tx.scalars(query)) == [login.lower()]:
        raise Conflict(f"{login} is the only administrator")
