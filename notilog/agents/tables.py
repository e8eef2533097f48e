"""Tables of the agents."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from notilog.agents.health import State
from notilog.db.base import Id, Row

STATES = "('new', 'online', 'late', 'offline')"


class AgentRow(Row):
    """A program of ours on another machine, and what its last heartbeat said.

    ``connection_id`` is its newest connection, whichever node it is on: any other one of the same
    agent is to close. ``state`` is what was seen last by those who watch, ``told_state`` and
    ``told_checks`` what people heard of. ``version`` is the row's, ``program`` the agent's.
    """

    __tablename__ = "agents"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(f"told_state IN {STATES}", name="told_state"),
    )

    id: Mapped[Id]
    name: Mapped[str]
    owner: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    tell: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=text("'{}'"))
    """Logins of those who hear of it beside its owner."""
    token_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("api_tokens.id", ondelete="SET NULL"), unique=True
    )
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    settings_version: Mapped[int] = mapped_column(server_default=text("1"))
    applied_version: Mapped[int | None]
    refused_version: Mapped[int | None]
    refusal: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    hostname: Mapped[str]
    program: Mapped[str]
    system: Mapped[str]
    python: Mapped[str]
    state: Mapped[State] = mapped_column(String, server_default=text("'new'"))
    state_since: Mapped[datetime] = mapped_column(server_default=func.now())
    told_state: Mapped[State] = mapped_column(String, server_default=text("'new'"))
    told_checks: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    heartbeat_at: Mapped[datetime | None]
    connection_id: Mapped[UUID | None]
    connected_node: Mapped[str | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    spool: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AgentChangeRow(Row):
    """Something of an agent that became different."""

    __tablename__ = "agent_history"
    __table_args__ = (
        CheckConstraint("what IN ('state', 'check', 'version')", name="what"),
        Index(None, "agent_id", "id"),
    )

    id: Mapped[Id]
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(index=True)
    what: Mapped[str]
    name: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str]


class EnrolmentRow(Row):
    """A code with which one agent may be enrolled, once; here stands its SHA-256."""

    __tablename__ = "agent_enrolments"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    made_by: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    project: Mapped[str | None]
    """The only one that the agent may write to."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
