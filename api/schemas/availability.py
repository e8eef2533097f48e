"""Busy and free time as the API takes and shows it."""

from datetime import datetime
from typing import Annotated

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Field

from api.schemas.events import Login
from api.schemas.moments import Duration, Instant
from notilog.calendar.availability import BusyTime
from notilog.calendar.free_time import Free, Reason

MOST_PEOPLE = 500
THEM = ["anna", "boris", "clara"]

Logins = Annotated[list[Login], Field(min_length=1, max_length=MOST_PEOPLE, examples=[THEM])]


class FreeTimeQuestion(BaseModel):
    """Who has to have time, how much, and from when on; until 60 days later by default."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    logins: Logins
    duration: Duration
    start: Instant = Field(alias="from")
    until: Instant | None = None
    buffer: Duration | None = Field(None, description="kept free between it and other events")


class BusyTimeQuestion(BaseModel):
    """Whose time is asked about, and when."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    logins: Logins
    start: Instant = Field(alias="from")
    to: Instant


class FreeTimeAnswer(BaseModel):
    """The nearest free time; without any, the reason, and who blocks most."""

    start: datetime | None
    end: datetime | None = None
    reason: str | None = Field(None, examples=["no_common_work_hours", "busy"])
    detail: str | None = None
    login: str | None = None

    @classmethod
    def of(cls, found: Free | Reason) -> "FreeTimeAnswer":
        if isinstance(found, Free):
            return cls(start=found.start, end=found.end)
        return cls(start=None, reason=found.code, detail=found.sentence, login=found.login)


class IntervalAnswer(BaseModel):
    """From start up to, not including, end."""

    model_config = ConfigDict(from_attributes=True)

    start: datetime
    end: datetime


class BusyTimeAnswer(BaseModel):
    """When somebody cannot come: in events, and outside their work hours."""

    model_config = ConfigDict(from_attributes=True)

    login: str = Field(examples=["anna"])
    intervals: list[IntervalAnswer]

    @classmethod
    def of(cls, busy: BusyTime) -> "BusyTimeAnswer":
        return cls.model_validate(busy)


FreeTimeBody = Annotated[
    FreeTimeQuestion,
    Body(
        openapi_examples={
            "an hour": {
                "value": {
                    "logins": THEM,
                    "duration": "1h",
                    "from": "2026-11-20T08:00:00Z",
                    "buffer": "10m",
                }
            }
        }
    ),
]
BusyTimeBody = Annotated[
    BusyTimeQuestion,
    Body(
        openapi_examples={
            "a day": {
                "value": {
                    "logins": THEM,
                    "from": "2026-11-20T00:00:00Z",
                    "to": "2026-11-21T00:00:00Z",
                }
            }
        }
    ),
]
