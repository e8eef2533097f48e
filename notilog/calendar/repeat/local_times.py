"""What every repetition offers, and how dates become local times. Pure."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import repeat
from typing import Final, Protocol

from notilog.calendar.repeat.repetition import Repetition

LAST_DAY: Final = date(2999, 12, 31)
"""No occurrence starts later, so that every search ends."""

_A_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


class Dates(Protocol):
    """The dates of a rule that is counted from a start; never asked about what lies before it."""

    def between(self, first: date, last: date) -> Iterator[date]:
        """The dates from ``first`` to ``last``, both included, in order and on demand."""

    def most_between(self, first: date, last: date) -> int:
        """At least as many as there are dates, found without going through them."""


class Repeat(Protocol):
    """The naive local times of a series, none before its start or after its due date."""

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """The times from ``first`` to ``last``, both included, in order and on demand."""

    def most_between(self, first: datetime, last: datetime) -> int:
        """At least as many as there are times, found without going through them."""


class AtClock:
    """The dates of a rule, each at the wall-clock time of the start."""

    def __init__(
        self,
        rule: Callable[[date, Repetition], Dates],
        start: datetime,
        repetition: Repetition,
    ) -> None:
        self._start = start.date()
        self._clock = start.time()
        self._last = last_day(repetition)
        self._dates = rule(self._start, repetition)

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        days = self._dates.between(*self._days(first, last))
        return map(datetime.combine, days, repeat(self._clock))

    def most_between(self, first: datetime, last: datetime) -> int:
        return self._dates.most_between(*self._days(first, last))

    def _days(self, first: datetime, last: datetime) -> tuple[date, date]:
        """The dates at whose clock time it is neither before ``first`` nor after ``last``."""
        from_day, to_day = first.date(), last.date()
        if first.time() > self._clock:
            from_day += _A_DAY
        if last.time() < self._clock:
            to_day -= _A_DAY
        return max(from_day, self._start), min(to_day, self._last)


def first_on_or_after(repeat: Repeat, moment: datetime) -> datetime | None:
    """The first time of the series that is not before ``moment``."""
    return next(repeat.between(moment, datetime.combine(LAST_DAY, time.max)), None)


def next_after(repeat: Repeat, moment: datetime) -> datetime | None:
    """The first time of the series that is later than ``moment``."""
    return first_on_or_after(repeat, moment + _MICROSECOND)


def last_day(repetition: Repetition) -> date:
    """The last date on which a time of the series may lie."""
    return min(repetition.due_date or LAST_DAY, LAST_DAY)
