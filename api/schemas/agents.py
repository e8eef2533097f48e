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
_LISTED = (
    *("id", "name", "tell", "settings_version", "applied_version", "hostname", "program"),
    *("system", "python", "heartbeat_at", "connected_node"),
    *("version", "created_at", "updated_at"),
)
_SAID = ("metrics", "checks", "spool", "files")


class NewEnrolment(BaseModel):
    """What the agent to be will be bound to."""

    model_config = ConfigDict(extra="forbid")

    project: Name | None = Field(
        None, description="the only one to which it may write", examples=["shop"]
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


class AgentListed(BaseModel):
    """An agent among others."""

    id: UUID
    name: str
    state: State
    heartbeat_at: datetime | None
    heartbeat_age: float | None = Field(description="seconds")
    tell: list[str]
    failing: int = Field(description="checks that fail")
    settings_version: int
    applied_version: int | None = Field(description="the settings that it works by")
    hostname: str
    program: str = Field(description="its version of NotiLog")
    system: str
    python: str
    connected_node: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: AgentRow, now: datetime) -> Self:
        return cls(**cls._fields(row, now))

    @classmethod
    def _fields(cls, row: AgentRow, now: datetime) -> dict[str, Any]:
        heard_at = row.heartbeat_at
        age = None if heard_at is None else max(0.0, (now - heard_at).total_seconds())
        return {
            "state": state_of(row, now),
            "heartbeat_age": age,
            "failing": sum(not check["ok"] for check in row.checks),
            **{name: getattr(row, name) for name in _LISTED},
        }


class AgentAnswer(AgentListed):
    """An agent: how it is, and what its last heartbeat said."""

    settings: AgentSettings
    refusal: list[Refused] | None = Field(description="why it keeps to the settings before")
    metrics: dict[str, Any]
    checks: list[dict[str, Any]]
    spool: dict[str, Any]
    files: list[dict[str, Any]]

    @classmethod
    def _fields(cls, row: AgentRow, now: datetime) -> dict[str, Any]:
        is_refused = row.refused_version == row.settings_version
        return {
            **super()._fields(row, now),
            "settings": AgentSettings.model_validate(row.settings),
            "refusal": [Refused(**one) for one in row.refusal or ()] if is_refused else None,
            **{name: getattr(row, name) for name in _SAID},
        }


class AgentChangeAnswer(BaseModel):
    """Something that became different."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    what: What
    name: str = Field(description="of the check; else empty")
    before: str | None
    after: str
