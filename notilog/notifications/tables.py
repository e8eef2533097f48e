"""Tables of the notifications room."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Id, Row

WAITING = "status IN ('pending', 'sending')"


class DeliveryRow(Row):
    """One message to one person on one channel, for one occurrence when it is a reminder.

    ``event_id`` is that of the event, or of the incident when it is about one.
    ``occurrence_start`` names the occurrence by its original start; it begins at ``starts_at``.

    ``pending`` waits for ``attempt_at``; ``sending`` is held by a worker until ``attempt_at``,
    which then is the end of its lease. Both are claimed by one condition: ``attempt_at`` passed.

    ``held_until`` is set when the person wanted to be left alone at the due instant; what was held
    until the same instant leaves as one message.
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
        Index(
            "ix_deliveries_held",
            "channel",
            "attempt_at",
            postgresql_where=text(f"{WAITING} AND held_until IS NOT NULL"),
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
    held_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    late: Mapped[bool] = mapped_column(server_default=text("false"))
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PreferencesRow(Row):
    """How one person wishes to be told of things; who has no row wishes nothing special.

    ``channels`` names the channels for a severity; a severity that it lacks goes where the author
    of the event wanted. Quiet hours are of the person's own zone, and may pass midnight.
    """

    __tablename__ = "notification_preferences"
    __table_args__ = (
        CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="quiet_hours"),
        CheckConstraint("digest_minutes BETWEEN 0 AND 1440", name="digest_minutes"),
    )

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    channels: Mapped[dict[str, list[str]]] = mapped_column(JSONB, server_default=text("'{}'"))
    quiet_from: Mapped[time | None]
    quiet_to: Mapped[time | None]
    digest_minutes: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    muted_until: Mapped[datetime | None]
