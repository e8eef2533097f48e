"""Every day, or every so many days. Pure."""

from collections.abc import Iterator
from datetime import date

from notilog.calendar.repeat.counting import every
from notilog.calendar.repeat.repetition import Repetition


class Daily:
    """The start, and each ``each``-th day after it."""

    def __init__(self, start: date, repetition: Repetition) -> None:
        self._start = start.toordinal()
        self._each = repetition.each

    def between(self, first: date, last: date) -> Iterator[date]:
        return map(date.fromordinal, self._days(first, last))

    def most_between(self, first: date, last: date) -> int:
        return len(self._days(first, last))

    def _days(self, first: date, last: date) -> range:
        return every(
            self._each,
            counted_from=self._start,
            first=first.toordinal(),
            last=last.toordinal(),
        )
