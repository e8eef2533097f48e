"""Incidents as the API takes and shows them."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from notilog.incidents.escalation import Severity, State
from notilog.incidents.history import What
from notilog.incidents.incidents import Shown
from notilog.instants import Instant


class Silence(BaseModel):
    """Until when nobody is told; null ends a silence."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"until": "2030-01-01T18:00:00Z"}, {"until": None}]},
    )

    until: Instant | None


class IncidentAnswer(BaseModel):
    """Something that needs a person, and what was done about it."""

    id: UUID
    key: str = Field(
        description="of all incidents of one key at most one is not resolved",
        examples=["agent:01890000-0000-7000-8000-000000000000:check:nginx"],
    )
    source: Literal["agent", "alert"]
    project: str | None
    title: str = Field(examples=["web-1 — nginx"])
    severity: Severity
    state: State
    count: int = Field(description="how often it occurred")
    opened_at: datetime
    last_at: datetime = Field(description="when it occurred last")
    step: int = Field(description="how often people were told of it")
    next_at: datetime | None = Field(description="when they are told again, unless somebody acts")
    ends_at: datetime | None = Field(description="when it is resolved, unless it occurs again")
    silenced_until: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None = Field(description="null when it was resolved by itself")
    about: dict[str, Any] = Field(description="the last news of it, as webhooks have it")

    @classmethod
    def of(cls, shown: Shown) -> Self:
        row = shown.row
        people = {"acknowledged_by": shown.acknowledged_by, "resolved_by": shown.resolved_by}
        columns = {name: getattr(row, name) for name in cls.model_fields if name not in people}
        if row.state == "resolved":  # it has the one that it goes on with
            columns["next_at"] = None
        return cls(**columns, **people)


class HappenedAnswer(BaseModel):
    """Something that happened to an incident."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    what: What
    by: str | None = Field(description="the login of whoever did it")
    step: int | None = Field(description="`told`: for the how manieth time")
    until: datetime | None = Field(description="`silenced`: the end of it; null ended it")
