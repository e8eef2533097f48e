"""Tables of the users' room."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, LargeBinary, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Id, Row


class UserRow(Row):
    """A person who uses NotiLog."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("login = lower(login)", name="login_lower"),
        CheckConstraint("role IN ('user', 'admin')", name="role"),
    )

    id: Mapped[Id]
    login: Mapped[str] = mapped_column(unique=True)
    first_name: Mapped[str]
    last_name: Mapped[str]
    role: Mapped[str] = mapped_column(server_default="user")
    password_hash: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    telegram_chat_id: Mapped[str | None]
    slack_webhook: Mapped[str | None]
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    language: Mapped[str] = mapped_column(server_default="en")
    work_days: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SessionRow(Row):
    """A login; its id is known only to the browser, here stands its SHA-256."""

    __tablename__ = "sessions"

    id_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)


class TokenRow(Row):
    """An API token; shown once, here stands its SHA-256."""

    __tablename__ = "api_tokens"

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String))
    project: Mapped[str | None]
    made_with: Mapped[UUID | None] = mapped_column(
        ForeignKey("api_tokens.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]


class LoginAttemptsRow(Row):
    """How many logins failed lately, per login and per address."""

    __tablename__ = "login_attempts"

    subject: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    window_until: Mapped[datetime] = mapped_column(index=True)
