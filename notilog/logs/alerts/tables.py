"""Tables of alerts: rules, whom they tell, and what is known of each group of records."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, SmallInteger, String, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Id, Row


class AlertRuleRow(Row):
    """A rule; a column that is NULL does not narrow what it looks for."""

    __tablename__ = "alert_rules"
    __table_args__ = (
        CheckConstraint("kind IN ('match', 'absence')", name="kind"),
        CheckConstraint("count >= 1", name="count"),
        CheckConstraint(
            "within_seconds IS NOT NULL OR (kind = 'match' AND count = 1)", name="within_seconds"
        ),
    )

    id: Mapped[Id]
    name: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    enabled: Mapped[bool] = mapped_column(server_default=sql("true"))
    kind: Mapped[str] = mapped_column(server_default="match")
    project: Mapped[str | None]
    module: Mapped[str | None]
    level: Mapped[int | None] = mapped_column(SmallInteger)
    min_level: Mapped[int | None] = mapped_column(SmallInteger)
    pattern: Mapped[str | None]
    attrs: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    count: Mapped[int] = mapped_column(server_default=sql("1"))
    within_seconds: Mapped[int | None]
    group_by: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    cooldown_seconds: Mapped[int] = mapped_column(server_default=sql("300"))
    incident: Mapped[bool] = mapped_column(server_default=sql("false"))
    version: Mapped[int] = mapped_column(server_default=sql("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AlertRecipientRow(Row):
    """Who is told; without a channel, on the first of Telegram, e-mail and the log they have."""

    __tablename__ = "alert_recipients"

    rule_id: Mapped[UUID] = mapped_column(
        ForeignKey("alert_rules.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    channel: Mapped[str | None]


class AlertStateRow(Row):
    """One living group of a rule; see `notilog.logs.alerts.counting.State`."""

    __tablename__ = "alert_states"

    rule_id: Mapped[UUID] = mapped_column(
        ForeignKey("alert_rules.id", ondelete="CASCADE"), primary_key=True
    )
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    wake_at: Mapped[datetime] = mapped_column(index=True)
    slices: Mapped[list[list[int]]] = mapped_column(JSONB, server_default=sql("'[]'"))
    quiet_until: Mapped[datetime | None]
    suppressed: Mapped[int] = mapped_column(BigInteger, server_default=sql("0"))
    again: Mapped[bool] = mapped_column(server_default=sql("false"))
    missing: Mapped[bool] = mapped_column(server_default=sql("false"))
    line: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    last_matched_at: Mapped[datetime | None]
    last_sent_at: Mapped[datetime | None]


class AlertBatchRow(Row):
    """A batch whose matches are counted, remembered so that its repetition counts nothing twice."""

    __tablename__ = "alert_batches"

    id: Mapped[Id]
    counted_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
