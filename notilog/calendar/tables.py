"""Tables of the calendar room.

An event keeps its local wall-clock start, its zone and its exact duration: that is what its
author meant. ``starts_at`` and ``series_end`` are derived instants for window queries.
"""

from datetime import date, datetime, timedelta
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from notilog.calendar.occurrences import Schedule, series_end
from notilog.calendar.repeat.repetition import RepeatType, Repetition
from notilog.calendar.series import Override
from notilog.db.base import Id, Row


class EventRow(Row):
    """A calendar event: one happening, or a series once it has a repetition.

    ``busy`` is False for what takes nobody's time. ``follows`` is the series that this one was
    split off from. ``ical_uid`` and ``ical_raw`` keep what an imported file said.
    """

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint("visibility IN ('public', 'busy', 'private')", name="visibility"),
        CheckConstraint("duration >= interval '0'", name="duration"),
        CheckConstraint("repeat_each >= 1", name="repeat_each"),
        Index("ix_events_window", "starts_at", "series_end"),
        Index(
            "uq_events_import",
            "author_id",
            "ical_uid",
            unique=True,
            postgresql_where=text("ical_uid IS NOT NULL AND cancelled_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    start_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    timezone: Mapped[str] = mapped_column(index=True)
    duration: Mapped[timedelta]
    all_day: Mapped[bool] = mapped_column(server_default=text("false"))
    visibility: Mapped[str] = mapped_column(server_default="public")
    busy: Mapped[bool] = mapped_column(server_default=text("true"))
    repeat_type: Mapped[str | None]
    repeat_each: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    repeat_weekly_days: Mapped[list[int]] = mapped_column(
        ARRAY(SmallInteger), server_default=text("'{}'")
    )
    repeat_last_week: Mapped[bool] = mapped_column(server_default=text("false"))
    repeat_work_days: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    repeat_rrule: Mapped[str | None]
    repeat_due_date: Mapped[date | None]
    starts_at: Mapped[datetime]
    series_end: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    follows: Mapped[UUID | None] = mapped_column(ForeignKey("events.id", ondelete="SET NULL"))
    ical_uid: Mapped[str | None]
    ical_raw: Mapped[str | None]
    cancelled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def repetition(self) -> Repetition | None:
        if self.repeat_type is None:
            return None
        first, last = self.repeat_work_days or (0, 4)
        return Repetition(
            type=cast("RepeatType", self.repeat_type),
            each=self.repeat_each,
            due_date=self.repeat_due_date,
            weekly_days=tuple(self.repeat_weekly_days),
            monthly_last_week=self.repeat_last_week,
            work_days=(first, last),
            rrule=self.repeat_rrule or "",
        )

    @property
    def schedule(self) -> Schedule:
        """What the occurrences follow from."""
        return Schedule(
            self.start_local,
            ZoneInfo(self.timezone),
            self.duration,
            self.all_day,
            self.starts_at,
            self.repetition,
        )

    @schedule.setter
    def schedule(self, schedule: Schedule) -> None:
        self.start_local = schedule.start_local
        self.timezone = schedule.zone.key
        self.duration = schedule.duration
        self.all_day = schedule.all_day
        self.starts_at = schedule.starts_at
        self.series_end = series_end(schedule)
        self._write(schedule.repetition)

    def _write(self, repetition: Repetition | None) -> None:
        said = repetition or Repetition(type="daily")
        self.repeat_type = repetition.type if repetition else None
        self.repeat_each = said.each
        self.repeat_weekly_days = list(said.weekly_days)
        self.repeat_last_week = said.monthly_last_week
        self.repeat_work_days = list(said.work_days) if said.type == "workday" else None
        self.repeat_rrule = said.rrule or None
        self.repeat_due_date = said.due_date


class OverrideRow(Row):
    """What is known of one occurrence apart from its series: a change, or just who comes.

    ``original_start`` names the occurrence for ever; ``original_local`` and ``start_local`` are
    what the clocks of the event's zone show then, from which the instants are found again when the
    rules of the zone change. ``added`` occurrences are none of the repetition's.
    """

    __tablename__ = "overrides"
    __table_args__ = (Index("ix_overrides_window", "event_id", "starts_at", "ends_at"),)

    event_id: Mapped[UUID] = mapped_column(
        ForeignKey("events.id", ondelete="CASCADE"), primary_key=True
    )
    original_start: Mapped[datetime] = mapped_column(primary_key=True)
    original_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    start_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    cancelled: Mapped[bool] = mapped_column(server_default=text("false"))
    moved: Mapped[bool] = mapped_column(server_default=text("false"))
    added: Mapped[bool] = mapped_column(server_default=text("false"))
    name: Mapped[str | None]
    description: Mapped[str | None]
    ical_raw: Mapped[str | None]

    @property
    def override(self) -> Override:
        return Override(
            original_start=self.original_start,
            start=self.starts_at,
            end=self.ends_at,
            cancelled=self.cancelled,
            added=self.added,
            name=self.name,
            description=self.description,
            raw=self.ical_raw,
        )


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


class OccurrenceDecisionRow(Row):
    """What a participant decided about one occurrence; it goes before the one for the series."""

    __tablename__ = "occurrence_decisions"
    __table_args__ = (
        CheckConstraint("decision IN ('yes', 'maybe', 'no', 'undecided')", name="decision"),
        ForeignKeyConstraint(
            ["event_id", "original_start"],
            ["overrides.event_id", "overrides.original_start"],
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
    )

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    original_start: Mapped[datetime] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    decision: Mapped[str]


class ReminderRow(Row):
    """A rule such as "15 minutes before, by e-mail" and when that falls due next.

    ``next_occurrence_start`` is the original start of the occurrence that it falls due for.
    """

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


class ZoneRulesRow(Row):
    """The rules of a time zone by which the instants of its events were last found."""

    __tablename__ = "zone_rules"

    timezone: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
