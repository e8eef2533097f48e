"""Accounts: people, how to reach them, when they work."""

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog.errors import Conflict, NotFound
from notilog.users.caller import Caller, Role
from notilog.users.contacts import (
    Email,
    Language,
    Login,
    PersonalName,
    Phone,
    TelegramChat,
    TimeZone,
    Webhook,
    WorkDays,
)
from notilog.users.passwords import MAXIMAL_LENGTH, MINIMAL_LENGTH
from notilog.users.tables import UserRow


class Name(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    first: PersonalName = Field(examples=["Ann"])
    last: PersonalName = Field(examples=["Lee"])


class NewAccount(BaseModel):
    """A person to add; without a password they can be reminded, but not sign in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    login: Login
    name: Name
    password: SecretStr | None = Field(None, min_length=MINIMAL_LENGTH, max_length=MAXIMAL_LENGTH)
    role: Role = "user"
    email: Email | None = None
    phone: Phone | None = None
    telegram_chat_id: TelegramChat | None = None
    slack_webhook: Webhook | None = None
    timezone: TimeZone = "UTC"
    language: Language = "en"
    work_days: WorkDays | None = None


async def create(tx: AsyncSession, new: NewAccount, *, password_hash: str | None) -> UserRow:
    """Add a person.

    Raises:
        Conflict: the login is taken.
    """
    values = {"id": uuid7(), "login": new.login, "password_hash": password_hash, **columns_of(new)}
    query = insert(UserRow).values(values).on_conflict_do_nothing(index_elements=[UserRow.login])
    created = (await tx.scalars(query.returning(UserRow))).one_or_none()
    if created is None:
        raise Conflict(f"login {new.login} is taken")
    return created


async def find(tx: AsyncSession, login: str) -> UserRow:
    """The account with this login.

    Raises:
        NotFound: there is none.
    """
    found = await tx.scalar(select(UserRow).where(UserRow.login == login.lower()))
    if found is None:
        raise NotFound(f"there is no user {login}")
    return found


async def listing(
    tx: AsyncSession, logins: Collection[str], *, after: str, limit: int
) -> Sequence[UserRow]:
    """Accounts by login: those named, or all; ``after`` is the last login already seen."""
    query = select(UserRow).where(UserRow.login > after).order_by(UserRow.login).limit(limit)
    if logins:
        query = query.where(UserRow.login.in_({login.lower() for login in logins}))
    return (await tx.scalars(query)).all()


def columns_of(given: BaseModel) -> dict[str, Any]:
    """What was given, by column; the login and the password are not among it."""
    values = given.model_dump(exclude={"login", "password", "old_password"}, exclude_unset=True)
    name = values.pop("name", None)
    if name is not None:
        values |= {"first_name": name["first"], "last_name": name["last"]}
    return values


def sees_all_of(caller: Caller, login: str) -> bool:
    """Whether the caller may see more of an account than login and name.

    A token acts for a program, so it sees its owner's account as others do.
    """
    return caller.is_admin or (caller.in_person and caller.login == login)
