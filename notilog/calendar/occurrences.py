"""When an event happens: its occurrences, found from its schedule. Pure."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from notilog.calendar.offsets import Offset
from notilog.calendar.wall_clock import instant_of, local_of


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the author meant: a wall-clock start in a zone, and how long it takes.

    ``starts_at`` is the instant, in UTC, of the first start. It says which of two equal wall times
    was meant when the clocks go back. An all-day event starts at midnight, and its duration is
    whole days of the zone, however long those are.
    """

    start_local: datetime
    zone: ZoneInfo
    duration: timedelta
    all_day: bool
    starts_at: datetime

    @property
    def first(self) -> "Occurrence":
        """The occurrence that the author wrote down."""
        return Occurrence(self.starts_at, self.end_of(self.starts_at), self.starts_at)

    def end_of(self, start: datetime) -> datetime:
        """When the occurrence that starts at ``start`` ends."""
        if not self.all_day:
            return start + self.duration
        first_day = self.start_local if start == self.starts_at else local_of(start, self.zone)
        midnight = datetime.combine(first_day.date(), time())
        return instant_of(midnight + self.duration, self.zone)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One happening, half-open, in UTC; ``original_start`` names it for ever, even when moved."""

    start: datetime
    end: datetime
    original_start: datetime


@dataclass(frozen=True, slots=True)
class Fire:
    """The instant at which a reminder of one occurrence falls due."""

    occurrence_start: datetime
    at: datetime


def next_occurrence(schedule: Schedule, after: datetime) -> Occurrence | None:
    """The first occurrence that starts later than ``after``."""
    first = schedule.first
    return first if first.start > after else None


def next_fire(schedule: Schedule, offset: Offset, *, since: datetime) -> Fire | None:
    """The first time, not earlier than ``since``, at which a reminder that far before is due."""
    after = since + offset.at_least - timedelta(microseconds=1)
    while (occurrence := next_occurrence(schedule, after)) is not None:
        fire = _fire_of(schedule, offset, occurrence)
        if fire.at >= since:
            return fire
        after = occurrence.start
    return None


def following_fire(schedule: Schedule, offset: Offset, *, start: datetime) -> Fire | None:
    """When the reminder falls due for the occurrence after the one that starts at ``start``."""
    occurrence = next_occurrence(schedule, start)
    return None if occurrence is None else _fire_of(schedule, offset, occurrence)


def _fire_of(schedule: Schedule, offset: Offset, occurrence: Occurrence) -> Fire:
    return Fire(occurrence.start, offset.before(occurrence.start, schedule.zone))
