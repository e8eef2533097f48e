"""Deliveries and channels as the API shows them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from notilog import config
from notilog.notifications.channels import CHANNELS
from notilog.notifications.deliveries import Listed

Status = Literal["pending", "sending", "sent", "missed", "withdrawn", "dead"]


class DeliveryAnswer(BaseModel):
    """Who is told what, on which channel, when it was due and what became of it."""

    id: UUID
    kind: str = Field(examples=["reminder"])
    event_id: UUID | None
    occurrence_start: datetime | None
    before: str | None = Field(examples=["15m"])
    login: str = Field(examples=["boris"])
    channel: str = Field(examples=["email"])
    status: Status = Field(examples=["sent"])
    due_at: datetime
    held_until: datetime | None = Field(
        description="when it may leave, because the person wanted to be left alone until then"
    )
    attempt_at: datetime = Field(description="of the next attempt, or of the last one")
    attempts: int = Field(examples=[1])
    late: bool = Field(description="attempted so late that the message says it")
    sent_at: datetime | None
    late_ms: int | None = Field(
        examples=[120], description="from when it was to leave to the sending"
    )
    last_error: str | None = Field(examples=["SMTP 451: greylisted"])

    @classmethod
    def of(cls, listed: Listed) -> "DeliveryAnswer":
        row = listed.row
        columns = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls(**columns, login=listed.login, late_ms=listed.late_ms)


class ChannelAnswer(BaseModel):
    """A way to reach a person, whether it is set up, and what its settings are."""

    kind: str = Field(examples=["email"])
    label: str = Field(examples=["E-mail"])
    configured: bool
    missing: list[str] = Field(
        examples=[["NOTILOG_CHANNELS__EMAIL__HOST"]], description="settings that must be given"
    )
    config_schema: dict[str, Any] = Field(description="JSON Schema of the settings")

    @classmethod
    def of(cls, kind: str) -> "ChannelAnswer":
        channel = CHANNELS[kind]
        missing = channel(config.section(channel.settings)).missing()
        return cls(
            kind=kind,
            label=channel.label,
            configured=not missing,
            missing=list(missing),
            config_schema=channel.settings.model_json_schema(),
        )


class TrialBody(BaseModel):
    """Where a test message goes: an e-mail address, a URL, a name for the log."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"to": "ann@example.org"}]}
    )

    to: str = Field(min_length=1, max_length=2000)


class TrialAnswer(BaseModel):
    """The receiver accepted the test message with this id."""

    id: UUID
