"""Observers as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from notilog.observers import envs
from notilog.observers.kinds.kind import Kind
from notilog.observers.observers import Shown
from notilog.observers.tables import Desired, State

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
KindName = Annotated[str, Field(min_length=1, max_length=50, examples=["discord_voice"])]
EXAMPLE: dict[str, Any] = {
    "name": "Our guild",
    "kind": "discord_voice",
    "env": {"token": "MTk4…", "target_list": ["197038439483310086"], "ignore_list": []},
}
PROBE: dict[str, Any] = {
    "name": "The shop",
    "kind": "http_probe",
    "env": {"url": "https://shop.example.org/health", "interval": 30},
}
Env = Annotated[
    dict[str, Any], Field(description="what the kind needs to be told; GET /observer_kinds")
]


class NewObserver(BaseModel):
    """What to watch; it is started at once."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE, PROBE]})

    name: Name
    kind: KindName = "discord_voice"
    env: Env


class ObserverChanges(BaseModel):
    """What is left out stays, and so do the fields of ``env`` that are left out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Ours"}]})

    name: Name | None = None
    env: Env | None = None


class Made(BaseModel):
    """The id of what was made."""

    id: UUID


class Deleting(BaseModel):
    """Which one to delete."""

    model_config = ConfigDict(extra="forbid")

    id: UUID


class ObserverAnswer(BaseModel):
    """An observer: what is wanted of it, and how it goes."""

    id: UUID
    name: str
    kind: str
    env: dict[str, Any] = Field(description="without its secrets")
    secrets: list[str] = Field(description="the fields of env that are not shown")
    desired: Desired
    state: State
    state_since: datetime
    changed_by: str = Field(description="who started or stopped it last")
    task_id: str | None = Field(description="of `celery -A workers.app control terminate SIGTERM`")
    worker: str | None
    heartbeat_at: datetime | None
    lease_until: datetime | None = Field(
        description="it is started elsewhere then, unless it beats"
    )
    last_error: str | None
    restarts: int
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, shown: Shown) -> Self:
        row = shown.row
        fields = {
            name: getattr(row, name)
            for name in cls.model_fields
            if name not in {"secrets", "lease_until"}
        }
        return cls(secrets=envs.secret_names(row.kind), lease_until=shown.lease_until, **fields)


class ObserverStatus(BaseModel):
    """How one goes, in short."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    kind: str
    desired: Desired
    state: State
    last_error: str | None


class KindAnswer(BaseModel):
    """A kind of observers, and what its ``env`` has to say."""

    kind: str
    label: str
    env: dict[str, Any] = Field(description="JSON Schema")

    @classmethod
    def of(cls, name: str, kind: Kind) -> Self:
        return cls(kind=name, label=kind.label, env=kind.env.model_json_schema())
