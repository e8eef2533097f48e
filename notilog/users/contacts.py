"""The shapes of logins, addresses, time zones and work days, the same at every border."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from notilog.zones import zone_named

EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
PHONE_PUNCTUATION = re.compile(r"[ ().-]")
TELEGRAM_CHAT = re.compile(r"-?[0-9]{1,19}|@[A-Za-z][A-Za-z0-9_]{4,31}")
PLAIN_URL = re.compile(r"[!-~]+")


def _login(value: str) -> str:
    value = value.lower()
    if not LOGIN.fullmatch(value):
        raise ValueError(
            "must have 1 to 63 of the characters a-z 0-9 . _ - and begin with a letter or digit"
        )
    return value


def _name(value: str) -> str:
    value = value.strip()
    if not value or not value.isprintable():
        raise ValueError("must have printable characters and no line breaks")
    return value


def _email(value: str) -> str:
    if not EMAIL.fullmatch(value):
        raise ValueError("must be an e-mail address such as ann@example.org")
    return value


def _phone(value: str) -> str:
    value = PHONE_PUNCTUATION.sub("", value)
    if not PHONE.fullmatch(value):
        raise ValueError("must be an international phone number such as +79161234567")
    return value


def _telegram_chat(value: str) -> str:
    if not TELEGRAM_CHAT.fullmatch(value):
        raise ValueError("must be the number of a chat, or a channel's @name")
    return value


def _webhook(value: str) -> str:
    reason = "must be a URL such as https://hooks.slack.com/services/..."
    if not PLAIN_URL.fullmatch(value):
        raise ValueError(reason)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(reason)
    return value


def _timezone(value: str) -> str:
    return zone_named(value).key


def _digits(value: object) -> object:
    """Telegram itself writes chats as numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Login = Annotated[str, Field(max_length=63, examples=["ann"]), AfterValidator(_login)]
PersonalName = Annotated[str, Field(max_length=100), AfterValidator(_name)]
Email = Annotated[str, Field(max_length=254, examples=["ann@example.org"]), AfterValidator(_email)]
Phone = Annotated[str, Field(max_length=32, examples=["+79161234567"]), AfterValidator(_phone)]
TelegramChat = Annotated[
    str, Field(max_length=33), BeforeValidator(_digits), AfterValidator(_telegram_chat)
]
Webhook = Annotated[str, Field(max_length=2000), AfterValidator(_webhook)]
TimeZone = Annotated[
    str, Field(max_length=64, examples=["Europe/Moscow"]), AfterValidator(_timezone)
]
Language = Literal["en", "ru"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"])]


class WorkDays(BaseModel):
    """When somebody works; the week may wrap (sun to thu) and the shift may pass midnight."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day_from: Day
    day_to: Day
    time_from: TimeOfDay
    time_to: TimeOfDay
