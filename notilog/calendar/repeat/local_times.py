"""What every repetition offers: the naive local times of a series. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final, Protocol

from notilog.calendar.repeat.repetition import Repetition

LAST_DAY: Final = date(2999, 12, 31)
"""No occurrence starts later, so that every search ends."""

_A_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


class Repeat(Protocol):
    """The naive local times of a series, none before its start or after its due date."""

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """The times from ``first`` to ``last``, both included, in order and on demand."""

    def most_between(self, first: datetime, last: datetime) -> int:
        """At least as many as there are times, found without going through them."""


class Reach:
    """From which date to which a series goes that has one wall-clock time on each of its dates."""

    def __init__(self, start: datetime, repetition: Repetition) -> None:
        self.clock = start.time()
        self._first = start.date()
        self._last = last_day(repetition)

    def days(self, first: datetime, last: datetime) -> tuple[date, date]:
        """The dates within reach at whose clock time it is ``first`` to ``last``.

        The second of them comes before the first when there is none.
        """
        from_day, to_day = first.date(), last.date()
        if first.time() > self.clock:
            from_day += _A_DAY
        if last.time() < self.clock:
            to_day -= _A_DAY
        return max(from_day, self._first), min(to_day, self._last)


def first_on_or_after(repeat: Repeat, moment: datetime) -> datetime | None:
    """The first time of the series that is not before ``moment``."""
    return next(repeat.between(moment, datetime.combine(LAST_DAY, time.max)), None)


def next_after(repeat: Repeat, moment: datetime) -> datetime | None:
    """The first time of the series that is later than ``moment``."""
    return first_on_or_after(repeat, moment + _MICROSECOND)


def last_day(repetition: Repetition) -> date:
    """The last date on which a time of the series may lie."""
    return min(repetition.due_date or LAST_DAY, LAST_DAY)
