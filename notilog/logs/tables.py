"""Tables of the logs room."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from notilog.db.base import Id, Row


class LogRecordRow(Row):
    """One log line with its fields; ``(ts, id)`` orders the pages of every list."""

    __tablename__ = "log_records"
    __table_args__ = (
        # What Python cannot read back would end every search that meets it.
        CheckConstraint("ts >= '0001-01-01 00:00+00' AND ts < '10000-01-01 00:00+00'", name="year"),
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
