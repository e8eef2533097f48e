"""Tables of the calendar room.

An event keeps its local wall-clock start, its zone and its exact duration: that is what its
author meant. ``starts_at`` and ``series_end`` are derived instants for window queries.
"""

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, CheckConstraint, DateTime, ForeignKey, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from notilog.calendar.occurrences import Schedule
from notilog.db.base import Id, Row


class EventRow(Row):
    """A calendar event: one happening, or a series once it has a repetition."""

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint("visibility IN ('public', 'busy', 'private')", name="visibility"),
        CheckConstraint("duration >= interval '0'", name="duration"),
        CheckConstraint("repeat_each >= 1", name="repeat_each"),
        Index("ix_events_window", "starts_at", "series_end"),
    )

    id: Mapped[Id]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    start_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    timezone: Mapped[str]
    duration: Mapped[timedelta]
    all_day: Mapped[bool] = mapped_column(server_default=text("false"))
    visibility: Mapped[str] = mapped_column(server_default="public")
    repeat_type: Mapped[str | None]
    repeat_each: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    repeat_weekly_days: Mapped[list[int]] = mapped_column(
        ARRAY(SmallInteger), server_default=text("'{}'")
    )
    repeat_last_week: Mapped[bool] = mapped_column(server_default=text("false"))
    repeat_due_date: Mapped[date | None]
    starts_at: Mapped[datetime]
    series_end: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    cancelled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def schedule(self) -> Schedule:
        """What the occurrences follow from."""
        zone = ZoneInfo(self.timezone)
        return Schedule(self.start_local, zone, self.duration, self.all_day, self.starts_at)

    @schedule.setter
    def schedule(self, schedule: Schedule) -> None:
        self.start_local = schedule.start_local
        self.timezone = schedule.zone.key
        self.duration = schedule.duration
        self.all_day = schedule.all_day
        self.starts_at = schedule.starts_at
        self.series_end = schedule.first.end


class ParticipantRow(Row):
    """A person asked to an event, and what they decided."""

    __tablename__ = "participants"
    __table_args__ = (
        CheckConstraint("decision IN ('yes', 'maybe', 'no', 'undecided')", name="decision"),
    )

    event_id: Mapped[UUID] = mapped_column(
        ForeignKey("events.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    decision: Mapped[str] = mapped_column(server_default="undecided")


class ReminderRow(Row):
    """A rule such as "15 minutes before, by e-mail" and when that falls due next."""

    __tablename__ = "reminders"
    __table_args__ = (
        Index("uq_reminders_rule", "event_id", "before", "channel", unique=True),
        Index(
            "ix_reminders_next_fire_at",
            "next_fire_at",
            postgresql_where=text("next_fire_at IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    event_id: Mapped[UUID] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    before: Mapped[str]
    channel: Mapped[str]
    next_occurrence_start: Mapped[datetime | None]
    next_fire_at: Mapped[datetime | None]
