"""Tables of the incidents."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Id, Row
from notilog.incidents.escalation import Severity, State

RESOLVED = "state = 'resolved'"
UNRESOLVED = "state <> 'resolved'"
MAY_GO_ON = f"{UNRESOLVED} OR reopens_until IS NOT NULL"


class IncidentRow(Row):
    """Something that needs a person; at most one of a key is not resolved.

    ``about`` is the news that opened it, or the last one of it, as messages are made of it.
    ``step`` counts how often it was told, ``next_at`` is when it is told again, ``ends_at`` when it
    is over unless it occurs again. ``resolved_by`` is NULL when it was resolved by itself; until
    ``reopens_until`` it goes on then if it occurs, with the ``next_at`` that it had. ``over_step``
    is the step at which people were told last that it is over.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        CheckConstraint("severity IN ('info', 'warning', 'critical')", name="severity"),
        CheckConstraint("state IN ('open', 'acknowledged', 'resolved')", name="state"),
        Index("uq_incidents_unresolved", "key", unique=True, postgresql_where=text(UNRESOLVED)),
        Index("ix_incidents_reopens", "key", postgresql_where=text(MAY_GO_ON)),
        Index("ix_incidents_unresolved_id", "id", postgresql_where=text(UNRESOLVED)),
        Index("ix_incidents_silenced", "key", postgresql_where=text("silenced_until IS NOT NULL")),
        Index("ix_incidents_next_at", "next_at", postgresql_where=text("state = 'open'")),
        Index("ix_incidents_ends_at", "ends_at", postgresql_where=text(UNRESOLVED)),
        Index("ix_incidents_resolved_at", "resolved_at", postgresql_where=text(RESOLVED)),
        *(
            Index(f"ix_incidents_{column}", column, postgresql_where=text(f"{column} IS NOT NULL"))
            for column in ("acknowledged_by", "resolved_by")
        ),
    )

    id: Mapped[Id]
    key: Mapped[str]
    source: Mapped[str]
    project: Mapped[str | None]
    title: Mapped[str]
    severity: Mapped[Severity] = mapped_column(String)
    state: Mapped[State] = mapped_column(String, server_default=text("'open'"))
    about: Mapped[dict[str, Any]] = mapped_column(JSONB)
    count: Mapped[int] = mapped_column(server_default=text("1"))
    step: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    next_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]
    silenced_until: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL")
    )
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    reopens_until: Mapped[datetime | None]
    over_step: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class IncidentRecipientRow(Row):
    """Whom an incident concerns; without a channel they are told on their usual one."""

    __tablename__ = "incident_recipients"

    incident_id: Mapped[UUID] = mapped_column(
        ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    channel: Mapped[str | None]


class IncidentHistoryRow(Row):
    """Something that happened to an incident; ``user_id`` is whoever did it."""

    __tablename__ = "incident_history"
    __table_args__ = (
        CheckConstraint(
            "what IN ('opened', 'again', 'told', 'acknowledged', 'silenced', 'resolved')",
            name="what",
        ),
        Index(None, "incident_id", "id"),
        Index(
            "ix_incident_history_user_id", "user_id", postgresql_where=text("user_id IS NOT NULL")
        ),
    )

    id: Mapped[Id]
    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    what: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    step: Mapped[int | None] = mapped_column(SmallInteger)
    until: Mapped[datetime | None]
