"""Users, sessions and tokens as the API shows them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Body
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from notilog.users import accounts
from notilog.users.accounts import Name, NewAccount
from notilog.users.caller import Caller, Role
from notilog.users.changes import AccountChange
from notilog.users.contacts import Language, WorkDays
from notilog.users.passwords import MAXIMAL_LENGTH
from notilog.users.tables import TokenRow, UserRow
from notilog.users.tokens import NewToken

ANN = {
    "login": "ann",
    "name": {"first": "Ann", "last": "Lee"},
    "password": "correct horse battery",
    "email": "ann@example.org",
    "timezone": "Europe/Moscow",
    "language": "ru",
    "work_days": {"day_from": "mon", "day_to": "fri", "time_from": "09:00", "time_to": "18:00"},
}

NewAccountBody = Annotated[NewAccount, Body(openapi_examples={"ann": {"value": ANN}})]
AccountChangeBody = Annotated[
    AccountChange,
    Body(
        openapi_examples={
            "contacts": {"value": {"phone": "+79161234567", "email": None}},
            "password": {"value": {"old_password": "correct horse", "password": "battery staple"}},
        }
    ),
]
NewTokenBody = Annotated[
    NewToken,
    Body(
        openapi_examples={
            "shipper": {"value": {"name": "web-1", "scopes": ["logs:write"], "project": "shop"}}
        }
    ),
]


class Person(BaseModel):
    """What everybody who is signed in sees of a user."""

    login: str = Field(examples=["ann"])
    name: Name


class Account(Person):
    """All of a user, for themselves and administrators."""

    role: Role
    email: str | None
    phone: str | None
    telegram_chat_id: str | None
    slack_webhook: str | None
    timezone: str = Field(examples=["Europe/Moscow"])
    language: Language
    work_days: WorkDays | None
    created_at: datetime


class Credentials(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"login": "ann", "password": "correct horse battery"}},
    )

    login: str = Field(max_length=MAXIMAL_LENGTH)
    password: SecretStr = Field(max_length=MAXIMAL_LENGTH)


class CurrentSession(BaseModel):
    """Who is signed in, until when, and what a page needs to send along with changes."""

    login: str = Field(examples=["ann"])
    role: Role
    scopes: list[str] = Field(examples=[["events:read", "events:write"]])
    project: str | None
    expires_at: datetime | None
    csrf_token: str = Field(description="for the header X-CSRF-Token when a cookie signs in")


class NewSession(BaseModel):
    """A session; its id is told only here."""

    session_id: str
    login: str = Field(examples=["ann"])
    expires_at: datetime
    csrf_token: str = Field(description="for the header X-CSRF-Token when a cookie signs in")


class NewTokenAnswer(BaseModel):
    """A token, told only here."""

    id: UUID
    token: str


class Token(BaseModel):
    """A token as it is listed: never the token itself."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    scopes: list[str]
    project: str | None
    created_at: AwareDatetime
    expires_at: AwareDatetime | None

    @classmethod
    def of(cls, row: TokenRow) -> "Token":
        return cls.model_validate(row)


def account(row: UserRow) -> Account:
    return Account(
        login=row.login,
        name=Name(first=row.first_name, last=row.last_name),
        role=row.role,
        email=row.email,
        phone=row.phone,
        telegram_chat_id=row.telegram_chat_id,
        slack_webhook=row.slack_webhook,
        timezone=row.timezone,
        language=row.language,
        work_days=WorkDays.model_validate(row.work_days) if row.work_days else None,
        created_at=row.created_at,
    )


def seen_by(caller: Caller, row: UserRow) -> Account | Person:
    """As much of a user as the caller may see."""
    if accounts.sees_all_of(caller, row.login):
        return account(row)
    return Person(login=row.login, name=Name(first=row.first_name, last=row.last_name))
