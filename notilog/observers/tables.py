"""Tables of the observers."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Id, Row

Desired = Literal["running", "stopped"]
State = Literal["starting", "running", "reconnecting", "failed", "stopped"]


class ObserverRow(Row):
    """What somebody wants to be watched, and how it goes.

    ``desired`` is what people want and ``state`` what is known of it. ``sealed`` are the secrets of
    ``env``. ``turn`` grows with whatever makes it run anew or stop, and ``running_turn`` is that of
    the run that holds the lease: one of an earlier turn is to end. ``asked_at`` is when a worker
    was last asked to run it; ``retry_at`` is when one may.
    """

    __tablename__ = "observers"
    __table_args__ = (
        CheckConstraint("desired IN ('running', 'stopped')", name="desired"),
        CheckConstraint(
            "state IN ('starting', 'running', 'reconnecting', 'failed', 'stopped')", name="state"
        ),
        Index("ix_observers_desired", "desired", postgresql_where=text("desired = 'running'")),
    )

    id: Mapped[Id]
    name: Mapped[str]
    kind: Mapped[str]
    env: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed: Mapped[bytes | None]
    owner: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    desired: Mapped[Desired] = mapped_column(String, server_default=text("'running'"))
    state: Mapped[State] = mapped_column(String, server_default=text("'starting'"))
    state_since: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_by: Mapped[str]
    turn: Mapped[int] = mapped_column(server_default=text("1"))
    running_turn: Mapped[int | None]
    task_id: Mapped[str | None]
    worker: Mapped[str | None]
    heartbeat_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    restarts: Mapped[int] = mapped_column(server_default=text("0"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    """One after the other, without having run well in between."""
    asked_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
