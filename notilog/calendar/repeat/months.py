"""One date in every month or every so many months. Pure.

Months are numbered through all years, so that they can be counted like days.
"""

from collections.abc import Callable, Iterator
from datetime import date

from notilog.calendar.repeat.counting import every

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class InMonths:
    """The date that ``number_in`` finds in each ``each``-th month, the first being the start's.

    A month that does not have so many days is skipped.
    """

    def __init__(self, start: date, *, each: int, number_in: Callable[[int], int]) -> None:
        self._month = month_of(start)
        self._each = each
        self._number_in = number_in

    def between(self, first: date, last: date) -> Iterator[date]:
        for month in self._months(first, last):
            number = self._number_in(month)
            if number <= length_of(month) and first <= (day := date_in(month, number)) <= last:
                yield day

    def most_between(self, first: date, last: date) -> int:
        return len(self._months(first, last))

    def _months(self, first: date, last: date) -> range:
        return every(
            self._each, counted_from=self._month, first=month_of(first), last=month_of(last)
        )


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
