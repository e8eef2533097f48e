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
    role: Literal["master", "replica"] | None = Field(description="null while it does not answer")
    connections: int = Field(description="in use")


class Fallback(BaseModel):
    """A setting that was refused and replaced by its default."""

    setting: str = Field(examples=["NOTILOG_DATABASE__POOL_SIZE"])
    value: str
    default: str
    reason: str


class Disk(BaseModel):
    """What room is left for log records, and which of them are taken."""

    free_mib: int | None = Field(description="null when no setting says where to look")
    taken: str = Field(examples=["everything", "warning and above", "error and above", "nothing"])


class Health(BaseModel):
    """What works and what does not."""

    version: str
    failing: list[str] = Field(description="of database, broker, redis", examples=[[]])
    database: list[DatabaseHost]
    disk: Disk
    configuration: list[Fallback]
