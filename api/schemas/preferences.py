"""How a person wishes to be told, as the API shows it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Field

from notilog.notifications.preferences import PreferencesChange, QuietHours
from notilog.notifications.tables import PreferencesRow
from notilog.notifications.wishes import Severity
from notilog.users.contacts import Language
from notilog.users.tables import UserRow

NIGHT = {
    "channels": {"critical": ["telegram", "sms"], "normal": ["telegram"], "low": ["email"]},
    "quiet_hours": {"from": "22:00", "to": "07:30"},
    "digest_minutes": 15,
}
PreferencesBody = Annotated[PreferencesChange, Body(openapi_examples={"night": {"value": NIGHT}})]


class PreferencesAnswer(BaseModel):
    """Channels by severity, hours to be left alone in, and how long to gather messages."""

    channels: dict[Severity, list[str]] = Field(examples=[NIGHT["channels"]])
    quiet_hours: QuietHours | None = Field(examples=[NIGHT["quiet_hours"]])
    digest_minutes: int = Field(examples=[15])
    muted_until: datetime | None
    timezone: str = Field(examples=["Europe/Moscow"], description="of the quiet hours")
    language: Language

    @classmethod
    def of(cls, person: UserRow, row: PreferencesRow) -> "PreferencesAnswer":
        quiet = None
        if row.quiet_from is not None and row.quiet_to is not None:
            quiet = QuietHours.model_validate(
                {"from": f"{row.quiet_from:%H:%M}", "to": f"{row.quiet_to:%H:%M}"}
            )
        return cls.model_validate(
            {
                "channels": row.channels,
                "quiet_hours": quiet,
                "digest_minutes": row.digest_minutes,
                "muted_until": row.muted_until,
                "timezone": person.timezone,
                "language": person.language,
            }
        )


class OwnTrialBody(BaseModel):
    """The channel on which to send oneself a message."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"channel": "email"}]}
    )

    channel: str = Field(max_length=50)


class OwnTrialAnswer(BaseModel):
    """The delivery of the message; `GET /deliveries` tells what became of it."""

    delivery_id: UUID
