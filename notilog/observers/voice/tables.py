"""Tables of voice channels: actions, sessions, their intervals, and names.

All of it belongs to an observer and goes with it; stopping an observer touches nothing. Guilds,
channels and members are snowflakes, which exceed what JSON's readers keep exactly.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Id, Row


class VoiceActionRow(Row):
    """What a member did; flags are bits by their place in `notilog.observers.voice.stays.FLAGS`."""

    __tablename__ = "voice_actions"
    __table_args__ = (
        Index(None, "observer_id", "at", "id"),
        Index(None, "member_id", "at"),
    )

    id: Mapped[Id]
    observer_id: Mapped[UUID] = mapped_column(ForeignKey("observers.id", ondelete="CASCADE"))
    guild_id: Mapped[int] = mapped_column(BigInteger)
    member_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    kind: Mapped[str]
    before_channel_id: Mapped[int | None] = mapped_column(BigInteger)
    before_flags: Mapped[int | None] = mapped_column(SmallInteger)
    after_channel_id: Mapped[int | None] = mapped_column(BigInteger)
    after_flags: Mapped[int | None] = mapped_column(SmallInteger)
    is_estimated: Mapped[bool] = mapped_column(server_default=sql("false"))


class VoiceSessionRow(Row):
    """A member's time in a channel; open while ``ended_at`` is NULL.

    ``last_seen_at`` is until when it was certainly open.
    """

    __tablename__ = "voice_sessions"
    __table_args__ = (
        Index(
            "uq_voice_sessions_open",
            "observer_id",
            "guild_id",
            "member_id",
            unique=True,
            postgresql_where=sql("ended_at IS NULL"),
        ),
        Index(None, "observer_id", "started_at", "id"),
        Index(None, "observer_id", "ended_at"),
        Index(None, "member_id", "started_at"),
        Index(None, "channel_id", "started_at"),
        CheckConstraint("ended_at >= started_at", name="ended_at"),
        CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="end_reason"),
    )

    id: Mapped[Id]
    observer_id: Mapped[UUID] = mapped_column(ForeignKey("observers.id", ondelete="CASCADE"))
    guild_id: Mapped[int] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    member_id: Mapped[int] = mapped_column(BigInteger)
    session_id: Mapped[str]
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    start_estimated: Mapped[bool] = mapped_column(server_default=sql("false"))
    end_estimated: Mapped[bool] = mapped_column(server_default=sql("false"))
    end_reason: Mapped[str | None]


class VoiceIntervalRow(Row):
    """A time within a session for which somebody was muted, streamed or the like."""

    __tablename__ = "voice_intervals"
    __table_args__ = (CheckConstraint("ended_at >= started_at", name="ended_at"),)

    id: Mapped[Id]
    voice_session_id: Mapped[UUID] = mapped_column(
        ForeignKey("voice_sessions.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class VoiceGuildRow(Row):
    __tablename__ = "voice_guilds"

    observer_id: Mapped[UUID] = mapped_column(
        ForeignKey("observers.id", ondelete="CASCADE"), primary_key=True
    )
    guild_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str]
    afk_channel_id: Mapped[int | None] = mapped_column(BigInteger)
    left_at: Mapped[datetime | None]


class VoiceChannelRow(Row):
    """A channel; it keeps its name, and whether it was for the absent, after it is deleted."""

    __tablename__ = "voice_channels"
    __table_args__ = (Index(None, "observer_id", "guild_id"),)

    observer_id: Mapped[UUID] = mapped_column(
        ForeignKey("observers.id", ondelete="CASCADE"), primary_key=True
    )
    channel_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    guild_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    is_afk: Mapped[bool] = mapped_column(server_default=sql("false"))
    deleted_at: Mapped[datetime | None]


class VoiceMemberRow(Row):
    """A member as they call themselves in a guild."""

    __tablename__ = "voice_members"

    observer_id: Mapped[UUID] = mapped_column(
        ForeignKey("observers.id", ondelete="CASCADE"), primary_key=True
    )
    member_id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, index=True
    )
    guild_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str]
    display_name: Mapped[str]
    is_bot: Mapped[bool] = mapped_column(server_default=sql("false"))
    seen_at: Mapped[datetime]


class VoiceOptOutRow(Row):
    """Somebody of whom no observer records anything."""

    __tablename__ = "voice_opt_outs"

    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(server_default=func.now())
