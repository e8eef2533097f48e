"""Events as the API takes and shows them."""

import re
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    field_validator,
)

from notilog.calendar import offsets
from notilog.calendar.agenda import Item
from notilog.calendar.drafts import Changes, Draft, Moment, Notification, Visibility
from notilog.calendar.events import Event
from notilog.calendar.participation import Decision

MOST_NOTIFICATIONS = 20
MOST_PARTICIPANTS = 500

PLANNING = {
    "name": "Planning of the week",
    "start_time": "2026-11-20T09:00:00+01:00",
    "end_time": "2026-11-20T10:00:00+01:00",
    "timezone": "Europe/Berlin",
    "notifications": [{"offset": "15m", "channel": "email"}],
    "participants": ["boris", "clara"],
}
HOLIDAY = {
    "name": "Company holiday",
    "start_time": "2026-12-24",
    "end_time": "2026-12-27",
    "all_day": True,
    "timezone": "Europe/Berlin",
}

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an RFC 3339 instant such as 2026-11-20T09:00:00+01:00")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise ValueError(f"must be an RFC 3339 instant: {error}") from error


def _moment(value: object) -> Moment:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return _instant(value)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"must be a date: {error}") from error


Instant = Annotated[
    datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
InstantOrDate = Annotated[
    Moment,
    PlainValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"format": "date-time"}, {"format": "date"}],
            "description": "an RFC 3339 instant with its offset; a date for an all-day event",
        }
    ),
]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Description = Annotated[str, Field(max_length=10_000)]
TimeZone = Annotated[
    str, Field(min_length=1, max_length=64, description="of the IANA database; yours by default")
]
Login = Annotated[str, Field(min_length=1, max_length=200)]


class NotificationBody(BaseModel):
    """A reminder so long before the start; ``d`` keeps the wall clock, ``h``, ``m`` are exact."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    offset: str = Field(pattern=offsets.PATTERN, examples=["15m"], description="50 days at most")
    channel: str = Field(min_length=1, max_length=50, examples=["email"])


Notifications = Annotated[list[NotificationBody], Field(max_length=MOST_NOTIFICATIONS)]
Participants = Annotated[list[Login], Field(max_length=MOST_PARTICIPANTS)]


class NewEvent(BaseModel):
    """An event to be made; the end is not included, and may equal the start unless all-day."""

    model_config = ConfigDict(extra="forbid")

    name: EventName
    start_time: InstantOrDate
    end_time: InstantOrDate
    description: Description = ""
    timezone: TimeZone | None = None
    all_day: bool = False
    visibility: Visibility = "public"
    notifications: Notifications = []
    participants: Participants = []

    def draft(self) -> Draft:
        return Draft(**_given(self))


class EventChanges(BaseModel):
    """What to change of an event; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: EventName | None = None
    start_time: InstantOrDate | None = None
    end_time: InstantOrDate | None = None
    description: Description | None = None
    timezone: TimeZone | None = None
    all_day: bool | None = None
    visibility: Visibility | None = None
    notifications: Notifications | None = None
    participants: Participants | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("may be left out, but not be null")
        return value

    def changes(self) -> Changes:
        return Changes(**_given(self))


NewEventBody = Annotated[
    NewEvent,
    Body(openapi_examples={"planning": {"value": PLANNING}, "all-day": {"value": HOLIDAY}}),
]
EventChangesBody = Annotated[
    EventChanges,
    Body(
        openapi_examples={
            "postpone": {
                "value": {
                    "start_time": "2026-11-20T11:00:00+01:00",
                    "end_time": "2026-11-20T12:00:00+01:00",
                }
            }
        }
    ),
]


class DecisionBody(BaseModel):
    """What a participant decided."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision


class ParticipantAnswer(BaseModel):
    """A participant and what they decided."""

    model_config = ConfigDict(from_attributes=True)

    login: str = Field(examples=["boris"])
    decision: Decision


class EventAnswer(BaseModel):
    """An event.

    Who may only see that the time is taken finds null for author, name and description.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    author: str | None = Field(examples=["anna"])
    name: str | None = Field(examples=["Planning of the week"])
    description: str | None
    start_time: datetime
    end_time: datetime
    timezone: str = Field(examples=["Europe/Berlin"])
    all_day: bool
    visibility: Visibility
    notifications: list[NotificationBody]
    participants: list[ParticipantAnswer]
    version: int

    @classmethod
    def of(cls, event: Event) -> "EventAnswer":
        return cls.model_validate(event)


class OccurrenceAnswer(BaseModel):
    """One happening of an event, and which of the people asked for take part in it.

    Who may only see that the time is taken finds null for author and name, and for the id of a
    private event.
    """

    model_config = ConfigDict(from_attributes=True)

    event_id: UUID | None
    original_start: datetime
    start_time: datetime
    end_time: datetime
    timezone: str = Field(examples=["Europe/Berlin"])
    all_day: bool
    visibility: Visibility
    author: str | None = Field(examples=["anna"])
    name: str | None = Field(examples=["Planning of the week"])
    logins: list[str] = Field(examples=[["anna", "boris"]])

    @classmethod
    def of(cls, item: Item) -> "OccurrenceAnswer":
        return cls.model_validate(item)


def _given(body: NewEvent | EventChanges) -> dict[str, Any]:
    """The fields that were sent, as the calendar takes them."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if "notifications" in given:
        given["notifications"] = tuple(
            Notification(wish.offset, wish.channel) for wish in given["notifications"]
        )
    if "participants" in given:
        given["participants"] = tuple(given["participants"])
    return given
