"""On every work day, or every so many work days. Pure."""

from collections.abc import Iterator
from datetime import date

from notilog.calendar.repeat.counting import every
from notilog.calendar.repeat.repetition import Repetition

_WEEK = 7


class Workday:
    """Each ``each``-th work day, counted from the first one that is not before the start.

    Work days are numbered from the first day of the working week in which the start lies.
    """

    def __init__(self, start: date, repetition: Repetition) -> None:
        from_weekday, to_weekday = repetition.work_days
        self._in_a_week = (to_weekday - from_weekday) % _WEEK + 1
        self._begin = start.toordinal() - (start.weekday() - from_weekday) % _WEEK
        self._number = self._before(start.toordinal())
        self._each = repetition.each

    def between(self, first: date, last: date) -> Iterator[date]:
        begin, in_a_week = self._begin, self._in_a_week
        return map(
            date.fromordinal,
            (
                begin + number // in_a_week * _WEEK + number % in_a_week
                for number in self._numbers(first, last)
            ),
        )

    def most_between(self, first: date, last: date) -> int:
        return len(self._numbers(first, last))

    def _numbers(self, first: date, last: date) -> range:
        return every(
            self._each,
            counted_from=self._number,
            first=self._before(first.toordinal()),
            last=self._before(last.toordinal() + 1) - 1,
        )

    def _before(self, day: int) -> int:
        """How many numbered work days there are before that day."""
        weeks, days = divmod(day - self._begin, _WEEK)
        return weeks * self._in_a_week + min(days, self._in_a_week)
