"""What was recorded of voice channels, as the API shows it; snowflakes are strings."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from notilog.instants import Instant
from notilog.observers.voice.admission import LARGEST_ID
from notilog.observers.voice.history import Filters, Named
from notilog.observers.voice.privacy import Dossier
from notilog.observers.voice.stays import FLAGS, unpacked
from notilog.observers.voice.tables import VoiceIntervalRow, VoiceSessionRow

LONGEST_ID = 19


def _snowflake(value: object) -> int:
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()):
        raise ValueError("must be a snowflake: digits")
    if len(value) > LONGEST_ID or int(value) > LARGEST_ID:
        raise ValueError("is larger than any snowflake")
    return int(value)


Snowflake = Annotated[
    int,
    BeforeValidator(_snowflake),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,19}$"}),
]


class Span(BaseModel):
    """A window of time, and which guild, channel and member it is about."""

    model_config = ConfigDict(extra="forbid")

    guild: Snowflake | None = None
    channel: Snowflake | None = None
    member: Snowflake | None = None
    since: Instant | None = Field(None, alias="from", description="the first instant, included")
    until: Instant | None = Field(None, alias="to", description="the last instant, excluded")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("from must be before to")
        return self


class HistoryQuery(Span):
    """Which actions or sessions, which page of them, and how they are written."""

    limit: int = Field(100, ge=1, le=1000, description="items per page")
    cursor: str | None = Field(None, max_length=500, description="`next` of the page before")
    format: Literal["json", "csv"] | None = Field(
        None, description="`csv` is all pages at once; else what `Accept` asks for"
    )

    @property
    def filters(self) -> Filters:
        return Filters(self.guild, self.channel, self.member, self.since, self.until)


class StateAnswer(BaseModel):
    """Where somebody was, and how."""

    channel_id: str = Field(examples=["1152921504606846978"])
    channel_name: str | None
    flags: list[str] = Field(description=f"of {', '.join(FLAGS)}", examples=[["self_mute"]])

    @classmethod
    def of(cls, channel_id: int | None, name: str | None, bits: int | None) -> Self | None:
        if channel_id is None:
            return None
        return cls(channel_id=str(channel_id), channel_name=name, flags=_flags(bits or 0))


class ActionAnswer(BaseModel):
    """What a member did."""

    id: UUID
    at: datetime
    kind: str = Field(examples=["join"])
    estimated: bool = Field(description="it happened while nobody looked, about then")
    guild_id: str
    guild_name: str | None
    member_id: str
    member_name: str | None
    before: StateAnswer | None
    after: StateAnswer | None

    @classmethod
    def of(cls, named: Named) -> Self:
        row = named.row
        return cls(
            id=row.id,
            at=row.at,
            kind=row.kind,
            estimated=row.is_estimated,
            guild_id=str(row.guild_id),
            guild_name=named.guild_name,
            member_id=str(row.member_id),
            member_name=named.member_name,
            before=StateAnswer.of(
                row.before_channel_id, named.before_channel_name, row.before_flags
            ),
            after=StateAnswer.of(row.after_channel_id, named.channel_name, row.after_flags),
        )


class SessionAnswer(BaseModel):
    """A member's time in a channel."""

    id: UUID
    guild_id: str
    guild_name: str | None
    channel_id: str
    channel_name: str | None
    member_id: str
    member_name: str | None
    session_id: str
    started_at: datetime
    start_estimated: bool
    last_seen_at: datetime
    ended_at: datetime | None = Field(description="null while it goes on")
    end_estimated: bool
    end_reason: str | None = Field(examples=["left"])

    @classmethod
    def of(cls, named: Named) -> Self:
        fields = _session(named.row)
        names = ("guild_name", "channel_name", "member_name")
        return cls(**fields, **{name: getattr(named, name) for name in names})


class IntervalAnswer(BaseModel):
    """A time for which somebody was muted, streamed or the like."""

    kind: str
    started_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, row: VoiceIntervalRow) -> Self:
        return cls(kind=row.kind, started_at=row.started_at, ended_at=row.ended_at)


class KnownName(BaseModel):
    observer_id: UUID
    guild_id: str
    name: str
    display_name: str
    is_bot: bool
    seen_at: datetime


class KnownSession(BaseModel):
    observer_id: UUID
    id: UUID
    guild_id: str
    channel_id: str
    member_id: str
    session_id: str
    started_at: datetime
    start_estimated: bool
    last_seen_at: datetime
    ended_at: datetime | None
    end_estimated: bool
    end_reason: str | None
    intervals: list[IntervalAnswer]


class KnownAction(BaseModel):
    observer_id: UUID
    id: UUID
    at: datetime
    kind: str
    estimated: bool
    guild_id: str
    before: StateAnswer | None
    after: StateAnswer | None


class MemberAnswer(BaseModel):
    """Everything that is known of a member, of all observers."""

    member_id: str
    opted_out_since: datetime | None
    names: list[KnownName]
    sessions: list[KnownSession]
    actions: list[KnownAction]

    @classmethod
    def of(cls, dossier: Dossier) -> Self:
        return cls(
            member_id=str(dossier.member_id),
            opted_out_since=dossier.opted_out_since,
            names=[KnownName(**_columns(row, KnownName)) for row in dossier.names],
            sessions=[
                KnownSession(
                    observer_id=row.observer_id,
                    **_session(row),
                    intervals=[
                        IntervalAnswer.of(each) for each in dossier.intervals.get(row.id, ())
                    ],
                )
                for row in dossier.sessions
            ],
            actions=[
                KnownAction(
                    **_columns(row, KnownAction),
                    estimated=row.is_estimated,
                    before=StateAnswer.of(row.before_channel_id, None, row.before_flags),
                    after=StateAnswer.of(row.after_channel_id, None, row.after_flags),
                )
                for row in dossier.actions
            ],
        )


class ErasedAnswer(BaseModel):
    """What was deleted."""

    rows: int


class OptOutAnswer(BaseModel):
    """Somebody of whom nothing is recorded."""

    member_id: str
    since: datetime


def _session(row: VoiceSessionRow) -> dict[str, Any]:
    return _columns(row, KnownSession, without=("observer_id",))


def _columns(
    row: object, shape: type[BaseModel], *, without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The columns of a row that a shape has."""
    names = [name for name in shape.model_fields if name not in without and hasattr(row, name)]
    return with_text_ids({name: getattr(row, name) for name in names})


def with_text_ids(values: dict[str, Any]) -> dict[str, Any]:
    """The values with their snowflakes as strings."""
    return {
        name: str(value) if name.endswith("_id") and isinstance(value, int) else value
        for name, value in values.items()
    }


def _flags(bits: int) -> list[str]:
    return [flag for flag in FLAGS if flag in unpacked(bits)]
