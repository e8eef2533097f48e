"""On some days of the week, in every week or every so many weeks. Pure."""

from collections.abc import Iterator
from datetime import date

from notilog.calendar.repeat.counting import every
from notilog.calendar.repeat.repetition import Repetition

_WEEK = 7


class Weekly:
    """The chosen weekdays, or the start's when none is chosen, of each ``each``-th week.

    Weeks begin on Monday, and the first is the start's.
    """

    def __init__(self, start: date, repetition: Repetition) -> None:
        self._monday = start.toordinal() - start.weekday()
        self._each = repetition.each
        self._weekdays = sorted(set(repetition.weekly_days)) or [start.weekday()]

    def between(self, first: date, last: date) -> Iterator[date]:
        lowest, highest = first.toordinal(), last.toordinal()
        return map(
            date.fromordinal,
            (
                day
                for monday in self._mondays(first, last)
                for weekday in self._weekdays
                if lowest <= (day := monday + weekday) <= highest
            ),
        )

    def most_between(self, first: date, last: date) -> int:
        return len(self._mondays(first, last)) * len(self._weekdays)

    def _mondays(self, first: date, last: date) -> range:
        return every(
            self._each * _WEEK,
            counted_from=self._monday,
            first=first.toordinal() - first.weekday(),
            last=last.toordinal(),
        )
