"""Tables of the logs room."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from notilog.db.base import Id, Row


class LogRecordRow(Row):
    """One log line with its fields; ``(ts, id)`` orders the pages of every list.

    A partition holds a day, see `notilog.logs.partitions`.
    """

    __tablename__ = "log_records"
    __table_args__ = (
        # What Python cannot read back would end every search that meets it.
        CheckConstraint("ts >= '0001-01-01 00:00+00' AND ts < '10000-01-01 00:00+00'", name="year"),
        # Cheap to write; it finds a record by its id alone, ids made by others as well.
        Index(
            "ix_log_records_id",
            "id",
            postgresql_using="brin",
            postgresql_ops={"id": "uuid_bloom_ops"},
            postgresql_with={"autosummarize": "on"},
        ),
        {"postgresql_partition_by": "RANGE (ts)"},
    )

    ts: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    level: Mapped[int] = mapped_column(SmallInteger)
    project: Mapped[str]
    module: Mapped[str]
    message: Mapped[str]
    host: Mapped[str | None]
    service: Mapped[str | None]
    environment: Mapped[str | None]
    logger: Mapped[str | None]
    trace_id: Mapped[str | None]
    span_id: Mapped[str | None]
    request_id: Mapped[str | None]
    stack_trace: Mapped[str | None]
    attrs: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class LogBatchRow(Row):
    """A batch that is stored, remembered so that its redelivery stores nothing twice."""

    __tablename__ = "log_batches"

    id: Mapped[Id]
    records: Mapped[int]
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class LogCountRow(Row):
    """How many records a minute has of one project and level.

    Rows are only added, several for the same, so that nobody waits for another; what was edited or
    deleted is a negative number. Beat adds up those of past minutes to one, which is ``merged``.
    """

    __tablename__ = "log_counts"
    __table_args__ = (
        Index("ix_log_counts_minute", "minute", postgresql_include=["project", "level", "records"]),
        Index("ix_log_counts_project", "project", "minute", postgresql_include=["bytes"]),
        Index("ix_log_counts_unmerged", "minute", postgresql_where=text("NOT merged")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    minute: Mapped[datetime]
    project: Mapped[str]
    level: Mapped[int] = mapped_column(SmallInteger)
    records: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    merged: Mapped[bool] = mapped_column(server_default=text("false"))


class LogModuleCountRow(Row):
    """The same of an hour and a module: there may be many modules."""

    __tablename__ = "log_module_counts"
    __table_args__ = (
        Index(
            "ix_log_module_counts_hour",
            "hour",
            postgresql_include=["project", "module", "level", "records"],
        ),
        Index("ix_log_module_counts_unmerged", "hour", postgresql_where=text("NOT merged")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    hour: Mapped[datetime]
    project: Mapped[str]
    module: Mapped[str]
    level: Mapped[int] = mapped_column(SmallInteger)
    records: Mapped[int]
    merged: Mapped[bool] = mapped_column(server_default=text("false"))


class LogAuditRow(Row):
    """Who changed or deleted a record when: what it was before and, unless deleted, after."""

    __tablename__ = "log_audit"
    __table_args__ = (Index("ix_log_audit_record_id", "record_id"),)

    id: Mapped[Id]
    record_id: Mapped[UUID]
    project: Mapped[str]
    login: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class LogRetryRow(Row):
    """A stored batch that a connector could not take, kept until it can."""

    __tablename__ = "log_retries"
    __table_args__ = (Index("ix_log_retries_attempt_at", "connector", "attempt_at"),)

    id: Mapped[Id]
    connector: Mapped[str]
    batch_id: Mapped[UUID]
    accepted_at: Mapped[datetime]
    rows: Mapped[bytes]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    attempt_at: Mapped[datetime]
    last_error: Mapped[str]


class LogProgressRow(Row):
    """One row: until when everything was looked at; see `notilog.logs.progress`."""

    __tablename__ = "log_progress"
    __table_args__ = (CheckConstraint("id = 1", name="id"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    done_until: Mapped[datetime]


class LogRejectRow(Row):
    """What arrived through the broker and could not be stored, with the reason."""

    __tablename__ = "log_rejects"
    __table_args__ = (Index("ix_log_rejects_received_at", "received_at"),)

    id: Mapped[Id]
    batch_id: Mapped[UUID | None]
    position: Mapped[int] = mapped_column(server_default=text("0"))
    reason: Mapped[str]
    payload: Mapped[bytes]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
