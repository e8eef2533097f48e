"""When people are at work, by the clock on the wall of their own zone. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from notilog.calendar.intervals import Interval, Span, common, gaps, merged
from notilog.calendar.wall_clock import instant_at, local_of

_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkDays:
    """The days and the shift of somebody's working week.

    Attributes:
        day_from: the first weekday, 0 is Monday.
        day_to: the last weekday; the week may wrap around (6 to 3 is Sunday to Thursday).
        time_from: when the shift starts on each of these days.
        time_to: when it ends. An earlier time is on the next day, and the shift still belongs to
            the day on which it starts. The same time makes a shift of a whole day.
    """

    day_from: int
    day_to: int
    time_from: time
    time_to: time

    @classmethod
    def stored(cls, value: Mapping[str, str] | None) -> "WorkDays | None":
        """What is stored at a user; None when they have not said when they work."""
        if value is None:
            return None
        return cls(
            _WEEK.index(value["day_from"]),
            _WEEK.index(value["day_to"]),
            time.fromisoformat(value["time_from"]),
            time.fromisoformat(value["time_to"]),
        )

    def include(self, day: date) -> bool:
        """Whether a shift starts on that day."""
        return (day.weekday() - self.day_from) % 7 <= (self.day_to - self.day_from) % 7


def working(work_days: WorkDays | None, zone: ZoneInfo, *, window: Span) -> list[Interval]:
    """The time at work in the window, in order; without work days one is always at work.

    A shift that would start in an hour that the clocks jump over, and end soon after, may have
    nothing left of it on that day: 02:30 comes to mean 03:30, which is after an end at 03:15.
    """
    whole = merged([window])
    return whole if work_days is None else common(merged(_shifts(work_days, zone, window)), whole)


def outside(work_days: WorkDays | None, zone: ZoneInfo, *, window: Span) -> list[Interval]:
    """The time in the window that is outside work hours, in order."""
    return list(gaps(working(work_days, zone, window=window), window))


def outside_each(
    hours: Mapping[str, tuple[WorkDays | None, ZoneInfo]], *, window: Span
) -> dict[str, list[Interval]]:
    """`outside` of many people, by login; who has the same hours gets the very same list."""
    found = {same: outside(*same, window=window) for same in set(hours.values())}
    return {login: found[same] for login, same in hours.items()}


def _shifts(work_days: WorkDays, zone: ZoneInfo, window: Span) -> Iterator[Interval]:
    """Every shift that touches the window, and some around it.

    Two days before it, because a shift may pass midnight and a zone may skip a whole day, as Samoa
    did; one day after it, because clocks that go back at midnight show the earlier date again.
    """
    overnight = work_days.time_to <= work_days.time_from
    day = local_of(window.start, zone).date() - 2 * _DAY
    last = local_of(window.end, zone).date() + _DAY
    while day <= last:
        if work_days.include(day):
            ends = day + _DAY if overnight else day
            yield Interval(
                instant_at(day, work_days.time_from, zone),
                instant_at(ends, work_days.time_to, zone),
            )
        day += _DAY
