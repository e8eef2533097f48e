"""Tables of the notifications room."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Id, Row

WAITING = "status IN ('pending', 'sending')"


class DeliveryRow(Row):
    """One message to one person on one channel, for one occurrence when it is a reminder.

    ``occurrence_start`` names the occurrence by its original start; it begins at ``starts_at``.

    ``pending`` waits for ``attempt_at``; ``sending`` is held by a worker until ``attempt_at``,
    which then is the end of its lease. Both are claimed by one condition: ``attempt_at`` passed.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint(
            "status IN ('pending', 'sending', 'sent', 'missed', 'withdrawn', 'dead')", name="status"
        ),
        Index(
            "uq_deliveries_decision",
            "event_id",
            "occurrence_start",
            "user_id",
            "channel",
            "before",
            "due_at",
            unique=True,
        ),
        Index(
            "ix_deliveries_waiting",
            "channel",
            "priority",
            "attempt_at",
            postgresql_where=text(WAITING),
        ),
        Index("ix_deliveries_user_id_id", "user_id", "id"),
    )

    id: Mapped[Id]
    kind: Mapped[str]
    event_id: Mapped[UUID | None]
    occurrence_start: Mapped[datetime | None]
    starts_at: Mapped[datetime | None]
    before: Mapped[str | None]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    channel: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("5"))
    content: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(server_default="pending")
    due_at: Mapped[datetime]
    attempt_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    late: Mapped[bool] = mapped_column(server_default=text("false"))
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
