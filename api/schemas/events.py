"""Events as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from api.schemas.moments import Instant, InstantOrDate
from api.schemas.repetitions import RepetitionAnswer, RepetitionBody
from notilog.calendar import offsets
from notilog.calendar.agenda import Item
from notilog.calendar.drafts import Changes, Draft, Notification, Visibility
from notilog.calendar.participation import Decision
from notilog.calendar.shown import Event

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
STANDUP = {
    "name": "Stand-up",
    "start_time": "2026-11-23T09:15:00+01:00",
    "end_time": "2026-11-23T09:30:00+01:00",
    "timezone": "Europe/Berlin",
    "repetition": {"type": "weekly", "weekly_days": ["mon", "thu"], "due_date": "2027-06-30"},
    "participants": ["boris"],
}
HOLIDAY = {
    "name": "Company holiday",
    "start_time": "2026-12-24",
    "end_time": "2026-12-27",
    "all_day": True,
    "timezone": "Europe/Berlin",
}


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


Busy = Annotated[bool, Field(description="false for what takes nobody's time")]
Notifications = Annotated[list[NotificationBody], Field(max_length=MOST_NOTIFICATIONS)]
Participants = Annotated[list[Login], Field(max_length=MOST_PARTICIPANTS)]


class NewEvent(BaseModel):
    """An event to be made; the end is not included, and may equal the start unless all-day.

    A start that does not match the repetition moves to the first one that does, and the answer
    says so in `asked_start`.
    """

    model_config = ConfigDict(extra="forbid")

    name: EventName
    start_time: InstantOrDate
    end_time: InstantOrDate
    description: Description = ""
    timezone: TimeZone | None = None
    all_day: bool = False
    visibility: Visibility = "public"
    busy: Busy = True
    repetition: RepetitionBody | None = None
    notifications: Notifications = []
    participants: Participants = []

    def draft(self) -> Draft:
        return Draft(**_given(self))


class EventChanges(BaseModel):
    """What to change of an event; what is left out stays.

    Of a single occurrence only name, description and times can be changed.
    """

    model_config = ConfigDict(extra="forbid")

    name: EventName | None = None
    start_time: InstantOrDate | None = None
    end_time: InstantOrDate | None = None
    description: Description | None = None
    timezone: TimeZone | None = None
    all_day: bool | None = None
    visibility: Visibility | None = None
    busy: Busy | None = None
    repetition: RepetitionBody | None = Field(None, description="null ends the repetition")
    notifications: Notifications | None = None
    participants: Participants | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: object, field: ValidationInfo) -> object:
        if value is None and field.field_name != "repetition":
            raise ValueError("may be left out, but not be null")
        return value

    def changes(self) -> Changes:
        return Changes(**_given(self))


NewEventBody = Annotated[
    NewEvent,
    Body(
        openapi_examples={
            "planning": {"value": PLANNING},
            "weekly": {"value": STANDUP},
            "all-day": {"value": HOLIDAY},
        }
    ),
]
EventChangesBody = Annotated[
    EventChanges,
    Body(
        openapi_examples={
            "end the repetition": {"value": {"repetition": None}},
            "postpone": {
                "value": {
                    "start_time": "2026-11-20T11:00:00+01:00",
                    "end_time": "2026-11-20T12:00:00+01:00",
                }
            },
        }
    ),
]


class DecisionBody(BaseModel):
    """What a participant decided."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision
    occurrence: Instant | None = Field(
        None, description="original start of the one occurrence that is meant; all by default"
    )


class ParticipantAnswer(BaseModel):
    """A participant and what they decided."""

    model_config = ConfigDict(from_attributes=True)

    login: str = Field(examples=["boris"])
    decision: Decision


class EventAnswer(BaseModel):
    """An event, with the times of its first occurrence.

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
    busy: bool
    repetition: RepetitionAnswer | None
    asked_start: datetime | None = Field(
        description="the start that was asked for, when it did not match the repetition"
    )
    follows: UUID | None = Field(description="the series that this one continues")
    notifications: list[NotificationBody]
    participants: list[ParticipantAnswer]
    version: int

    @classmethod
    def of(cls, event: Event) -> "EventAnswer":
        return cls.model_validate(event)


class OccurrenceAnswer(BaseModel):
    """One happening of an event, and which of the people asked for take part in it.

    `original_start` names it, wherever it was moved. Who may only see that the time is taken finds
    null for author, name and description, and for the id of a private event.
    """

    model_config = ConfigDict(from_attributes=True)

    event_id: UUID | None
    original_start: datetime
    start_time: datetime
    end_time: datetime
    timezone: str = Field(examples=["Europe/Berlin"])
    all_day: bool
    visibility: Visibility
    busy: bool
    repeats: bool
    author: str | None = Field(examples=["anna"])
    name: str | None = Field(examples=["Planning of the week"])
    description: str | None
    logins: list[str] = Field(examples=[["anna", "boris"]])

    @classmethod
    def of(cls, item: Item) -> "OccurrenceAnswer":
        return cls.model_validate(item)


def _given(body: NewEvent | EventChanges) -> dict[str, Any]:
    """The fields that were sent, as the calendar takes them."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if "repetition" in given:
        wish = body.repetition
        none = "once" if isinstance(body, EventChanges) else None
        given["repetition"] = wish.repetition() if wish else none
    if "notifications" in given:
        given["notifications"] = tuple(
            Notification(wish.offset, wish.channel) for wish in given["notifications"]
        )
    if "participants" in given:
        given["participants"] = tuple(given["participants"])
    return given
