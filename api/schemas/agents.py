"""Agents as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from notilog.agents.health import State, What
from notilog.agents.registry import Wanted, state_of
from notilog.agents.settings_schema import EXAMPLE, AgentSettings
from notilog.agents.tables import AgentRow

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Login = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_SAME = (
    *("id", "name", "tell", "settings_version", "applied_version", "hostname", "program"),
    *("system", "python", "heartbeat_at", "connected_node", "metrics", "checks", "spool", "files"),
    *("version", "created_at", "updated_at"),
)


class EnrolmentAnswer(BaseModel):
    """A code with which one agent is enrolled; it is shown once."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    expires_at: datetime


class AgentChanges(BaseModel):
    """What is left out stays; ``settings`` are given whole."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "web-1", "settings": EXAMPLE, "tell": ["ann"]}]},
    )

    name: Name | None = None
    settings: AgentSettings | None = None
    tell: list[Login] | None = Field(
        None, max_length=100, description="logins of those who hear of it beside its owner"
    )

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.name, self.settings, self.tell)


class Refused(BaseModel):
    """A field of the settings that the agent cannot do as told."""

    field: str
    reason: str


class AgentAnswer(BaseModel):
    """An agent: how it is, and what its last heartbeat said."""

    id: UUID
    name: str
    state: State
    heartbeat_at: datetime | None
    heartbeat_age: float | None = Field(description="seconds")
    tell: list[str]
    settings: AgentSettings
    settings_version: int
    applied_version: int | None = Field(description="the settings that it works by")
    refusal: list[Refused] | None = Field(description="why it keeps to the settings before")
    hostname: str
    program: str = Field(description="its version of NotiLog")
    system: str
    python: str
    connected_node: str | None
    metrics: dict[str, Any]
    checks: list[dict[str, Any]]
    spool: dict[str, Any]
    files: list[dict[str, Any]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: AgentRow, now: datetime) -> Self:
        heard_at = row.heartbeat_at
        age = None if heard_at is None else max(0.0, (now - heard_at).total_seconds())
        is_refused = row.refused_version == row.settings_version
        return cls(
            state=state_of(row, now),
            heartbeat_age=age,
            settings=AgentSettings.model_validate(row.settings),
            refusal=[Refused(**one) for one in row.refusal or ()] if is_refused else None,
            **{name: getattr(row, name) for name in _SAME},
        )


class AgentChangeAnswer(BaseModel):
    """Something that became different."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    what: What
    name: str = Field(description="of the check; else empty")
    before: str | None
    after: str
