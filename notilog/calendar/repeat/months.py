"""Series with one date in every month or every so many months. Pure.

Months are numbered through all years, so that they can be counted like days.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime

from notilog.calendar.repeat.local_times import Reach

_ALWAYS = 28
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class InMonths:
    """The date that ``number_in`` finds in each ``each``-th month, the first being the start's.

    A month that does not have so many days is skipped.
    """

    def __init__(
        self, reach: Reach, *, start: date, each: int, number_in: Callable[[int], int]
    ) -> None:
        self._reach = reach
        self._month = month_of(start)
        self._each = each
        self._number_in = number_in

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        from_day, to_day = self._reach.days(first, last)
        clock = self._reach.clock
        for month in self._months(from_day, to_day):
            number = self._number_in(month)
            if number > _ALWAYS and number > length_of(month):
                continue
            day = date_in(month, number)
            if from_day <= day <= to_day:
                yield datetime.combine(day, clock)

    def most_between(self, first: datetime, last: datetime) -> int:
        return len(self._months(*self._reach.days(first, last)))

    def _months(self, first: date, last: date) -> range:
        skipped = -((self._month - month_of(first)) // self._each)
        return range(self._month + skipped * self._each, month_of(last) + 1, self._each)


def month_of(day: date) -> int:
    """The number of the month in which ``day`` lies."""
    return day.year * 12 + day.month - 1


def date_in(month: int, number: int) -> date:
    """The ``number``-th day of a month."""
    return date(month // 12, month % 12 + 1, number)


def length_of(month: int) -> int:
    """How many days a month has."""
    year, of_year = divmod(month, 12)
    leap = of_year == 1 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _LENGTHS[of_year] + leap
