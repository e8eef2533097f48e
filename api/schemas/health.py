"""The platform's health as the API shows it."""

from typing import Literal

from pydantic import BaseModel, Field


class Live(BaseModel):
    status: Literal["live"] = "live"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"


class DatabaseHost(BaseModel):
    """One host of the database, as this API process sees it."""

    host: str = Field(examples=["db-1:5432"])
    role: str | None = Field(
        description="master or replica; null while it does not answer", examples=["master"]
    )
    connections: int = Field(description="of this process in use")
    limit: int = Field(description="connections that it may have at most")


class Fallback(BaseModel):
    """A setting that was refused and replaced by its default."""

    setting: str = Field(examples=["NOTILOG_DATABASE__POOL_SIZE"])
    value: str
    default: str
    reason: str


class WorkerSeen(BaseModel):
    """A worker by its newest sign of life."""

    name: str = Field(examples=["general@host"])
    queues: list[str]
    running: int = Field(description="tasks")
    limit: int
    age_seconds: float = Field(description="since its newest sign; they come every ten seconds")


class NodeSeen(BaseModel):
    """A process of the API."""

    name: str
    age_seconds: float


class Disk(BaseModel):
    """What room is left for log records, and which of them are taken."""

    free_mib: int | None = Field(description="null when no setting says where to look")
    taken: str = Field(examples=["everything", "warning and above", "error and above", "nothing"])


class Health(BaseModel):
    """What works and what does not."""

    version: str
    problems: list[str] = Field(description="what is wrong and what to do; empty when all is well")
    failing: list[str] = Field(description="of database, broker, redis", examples=[[]])
    workers: list[WorkerSeen]
    nodes: list[NodeSeen]
    beat_age_seconds: float | None = Field(description="null when it was never heard of")
    queues: dict[str, int] = Field(description="messages that wait, as of the last beat")
    observers: dict[str, int] = Field(description="by state")
    agents: dict[str, int] = Field(description="by state", examples=[{"online": 3, "offline": 1}])
    database: list[DatabaseHost]
    disk: Disk
    configuration: list[Fallback]
