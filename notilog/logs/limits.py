"""Settings of the logs room: how much is taken at once, and how long things are remembered."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, DirectoryPath, Field, field_validator

from notilog.config import Section
from notilog.logs.redaction import Redaction

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


DEFAULT = "default"
ConnectorName = Literal["files", "console", "alerts", "live"]


class Retention(BaseModel):
    """How much of a project is kept; None is without an end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: float | None = Field(None, gt=0, le=36_500, description="by the age of a record")
    mib: float | None = Field(None, gt=0, description="by the size of all its records, in MiB")


class LogsSettings(Section):
    """Limits of the intake, of the search, and of what is kept."""

    section: ClassVar[str] = "logs"

    message_bytes: int = Field(
        64 * KIB, ge=KIB, le=MIB, description="longest message, and longest stack trace"
    )
    attrs_bytes: int = Field(32 * KIB, ge=KIB, le=MIB, description="largest attrs, as JSON")
    batch_records: int = Field(5_000, ge=1, le=50_000, description="most records in one batch")
    batch_bytes: int = Field(
        MIB, ge=64 * KIB, le=16 * MIB, description="largest batch, after decompression"
    )
    backlog_batches: int = Field(
        2_000, ge=1, le=1_000_000, description="batches waiting in the broker before 503"
    )
    publish_timeout: float = Field(
        5.0, gt=0, le=60, description="seconds the broker may take to confirm a batch"
    )
    lanes: int = Field(2, ge=1, le=16, description="groups that one worker stores at the same time")
    queue_prefetch: int = Field(
        1_000, ge=1, le=10_000, description="messages that each of them has at most from RabbitMQ"
    )
    gather_ms: int = Field(
        40, ge=0, le=1_000, description="milliseconds for which each gathers after it stored some"
    )
    claim_after: float = Field(
        15.0, ge=1, le=3600, description="seconds of silence after which a worker's batches move on"
    )
    remember_batches_days: int = Field(
        7, ge=1, le=365, description="days for which a repeated Idempotency-Key is recognised"
    )
    keep_rejects_days: int = Field(
        30, ge=1, le=3650, description="days for which what could not be stored is kept"
    )
    search_timeout: float = Field(10.0, gt=0, le=300, description="seconds a search may take")
    search_index_after: float = Field(
        2.0, ge=0, le=240, description="hours after its end until a partition gets its indexes"
    )
    partitions_ahead: int = Field(
        7, ge=2, le=60, description="days for which partitions are made ahead"
    )
    future_hours: float = Field(
        24.0, ge=0, le=24, description="a record further ahead is stored at its arrival"
    )
    retention: dict[str, Retention] = Field(
        default_factory=dict,
        description='by project, or "default": {"default": {"days": 90}, "shop": {"mib": 5000}}',
    )
    audit_days: int = Field(
        365, ge=1, le=36_500, description="days for which edits and deletions are remembered"
    )
    disk_folder: DirectoryPath | None = Field(
        None, description="a folder on the disk of PostgreSQL, to see how much of it is free"
    )
    database_gib: float | None = Field(
        None, gt=0, description="GiB that the database may have, where its disk cannot be seen"
    )
    low_disk_mib: int = Field(
        2048, ge=0, description="MiB left under which low levels are not taken; 0 takes them always"
    )
    connectors: list[ConnectorName] = Field(
        default=["alerts", "live"],
        description="what else is done with stored records: files, console, alerts, live",
    )
    connector_timeout: float = Field(
        10.0, gt=0, le=60, description="seconds a connector may take for what was stored at once"
    )
    redact_fields: list[str] = Field(
        default_factory=lambda: [
            "password",
            "passwd",
            "secret",
            "token",
            "api_key",
            "apikey",
            "authorization",
            "cookie",
            "private_key",
        ],
        description="attributes, and NAME=value in texts, that are never stored",
    )
    redact_patterns: list[str] = Field(
        default_factory=list,
        description="regular expressions (RE2) of what is never stored of any text",
    )

    @field_validator("redact_patterns")
    @classmethod
    def _understood(cls, patterns: list[str]) -> list[str]:
        Redaction((), patterns)
        return patterns

    def retention_of(self, project: str) -> Retention:
        """What is kept of a project."""
        return self.retention.get(project) or self.retention.get(DEFAULT) or Retention()

    def days_of(self, project: str) -> float | None:
        """The days for which records of a project are kept."""
        return self.retention_of(project).days

    def retention_days(self) -> Iterator[tuple[str, float]]:
        """The projects, "default" among them, whose records end by age."""
        for project, kept in self.retention.items():
            if kept.days is not None:
                yield project, kept.days
