"""When an event happens: its occurrences, found from its schedule. Pure."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from heapq import heappop, heappush
from itertools import chain
from zoneinfo import ZoneInfo

from notilog.calendar.offsets import Offset
from notilog.calendar.repeat import repeat_of
from notilog.calendar.repeat.local_times import LAST_DAY, last_day
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of, instants_of, is_jumped_over, local_of, utc_clock

_A_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_NO_LATER = datetime.combine(LAST_DAY, time(), UTC) + 2 * _A_DAY


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the author meant: a wall-clock start in a zone, how long it takes, and how it repeats.

    ``starts_at`` is the instant, in UTC, of the first start. It says which of two equal wall times
    was meant when the clocks go back. It is an occurrence even when the repetition does not match
    it. An all-day event starts at midnight, and its duration is whole days of the zone, however
    long those are.
    """

    start_local: datetime
    zone: ZoneInfo
    duration: timedelta
    all_day: bool
    starts_at: datetime
    repetition: Repetition | None = None

    @property
    def first(self) -> "Occurrence":
        """The occurrence that the author wrote down."""
        return self.occurrence(self.starts_at)

    def occurrence(self, start: datetime) -> "Occurrence":
        """The occurrence that starts, and was meant to start, at ``start``."""
        return Occurrence(start, self.end_of(start), start)

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


def starts_between(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """The starts from ``start`` to before ``end``, in UTC, in order, each once and on demand."""
    first = schedule.starts_at
    firsts = [first] if start <= first < end else []
    if schedule.repetition is None or end <= first:
        return iter(firsts)
    since, before = max(start, first + _MICROSECOND), min(end, _NO_LATER)
    # No zone is a day or more from UTC, so this margin of wall time loses nothing.
    locals_ = repeat_of(schedule.start_local, schedule.repetition).between(
        utc_clock(since) - _A_DAY, utc_clock(before) + _A_DAY
    )
    return chain(firsts, instants_of(locals_, schedule.zone, since=since, before=before))


def occurrences_between(schedule: Schedule, start: datetime, end: datetime) -> Iterator[Occurrence]:
    """Every occurrence that touches the half-open window, in order and on demand.

    One without a length touches the window in which its start lies.
    """
    for begin in starts_between(schedule, _earliest_touching(schedule, start), end):
        occurrence = schedule.occurrence(begin)
        if occurrence.end > start or begin >= start:
            yield occurrence


def most_between(schedule: Schedule, start: datetime, end: datetime) -> int:
    """At least as many as `occurrences_between` yields, found without going through them."""
    if schedule.repetition is None or end <= schedule.starts_at:
        return 1
    since = max(_earliest_touching(schedule, start), schedule.starts_at)
    repeat = repeat_of(schedule.start_local, schedule.repetition)
    return 1 + repeat.most_between(
        utc_clock(since) - _A_DAY, utc_clock(min(end, _NO_LATER)) + _A_DAY
    )


def next_occurrence(schedule: Schedule, after: datetime) -> Occurrence | None:
    """The first occurrence that starts later than ``after``."""
    if after >= _NO_LATER:
        return None
    start = next(starts_between(schedule, after + _MICROSECOND, _NO_LATER), None)
    return None if start is None else schedule.occurrence(start)


def is_occurrence(schedule: Schedule, start: datetime) -> bool:
    """Whether an occurrence starts, as the schedule has it, at ``start``."""
    if start >= _NO_LATER:
        return start == schedule.starts_at
    return next(starts_between(schedule, start, start + _MICROSECOND), None) is not None


def last_occurrence(schedule: Schedule) -> Occurrence | None:
    """The occurrence after which there is none; None when it repeats for ever."""
    if schedule.repetition is None:
        return schedule.first
    if schedule.repetition.due_date is None:
        return None
    midnight = datetime.combine(last_day(schedule.repetition), time(), UTC)
    end, width = midnight + 2 * _A_DAY, 32 * _A_DAY
    while end > schedule.starts_at:
        begin = max(schedule.starts_at, end - width)
        if found := deque(starts_between(schedule, begin, end), maxlen=1):
            return schedule.occurrence(found[0])
        end, width = begin, 2 * width
    return schedule.first


def series_end(schedule: Schedule) -> datetime | None:
    """When the last occurrence ends; None when it repeats for ever."""
    last = last_occurrence(schedule)
    return None if last is None else last.end


def next_fire(schedule: Schedule, offset: Offset, *, since: datetime) -> Fire | None:
    """The first time, not earlier than ``since``, at which a reminder that far before is due."""
    fires = _fires(schedule, offset, since)
    return next((fire for fire in fires if fire.at >= since), None)


def following_fire(schedule: Schedule, offset: Offset, *, after: Fire) -> Fire | None:
    """The fire that comes after this one: later, or at the same instant for a later occurrence."""
    fires = _fires(schedule, offset, after.at)
    turn = (after.at, after.occurrence_start)
    return next((fire for fire in fires if (fire.at, fire.occurrence_start) > turn), None)


def _fires(schedule: Schedule, offset: Offset, since: datetime) -> Iterator[Fire]:
    """The fires in the order in which they fall due, from ``since`` or a little earlier.

    The order is not that of the starts when the wall clock jumps over some of the times.
    """
    zone = schedule.zone
    early: list[tuple[datetime, datetime]] = []
    for start in starts_between(schedule, offset.earliest_start(since, zone), _NO_LATER):
        due = offset.before(start, zone)
        heappush(early, (due, start))
        if offset.days and is_jumped_over(local_of(start, zone) - timedelta(offset.days), zone):
            continue
        while early and early[0][0] <= due:
            at, occurrence_start = heappop(early)
            yield Fire(occurrence_start, at)
    yield from (Fire(occurrence_start, at) for at, occurrence_start in sorted(early))


def _earliest_touching(schedule: Schedule, moment: datetime) -> datetime:
    """Nothing that starts earlier than this lasts until ``moment``."""
    longest = schedule.duration + (2 * _A_DAY if schedule.all_day else timedelta())
    if moment - schedule.starts_at <= longest:
        return min(moment, schedule.starts_at)
    return moment - longest
