"""Working out rules with `dateutil`, which takes its time over some of them. Pure.

A rule that never happens would keep it busy up to the year 9999, so rules are worked out in a year
near that one: weekdays and leap years repeat every 400 years. What each rule takes is charged to
its file.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final

from dateutil.rrule import rrulestr

from notilog.calendar.ics.rule import Rule

# Microseconds or so, on one core, that all rules of a file may take.
MOST_EFFORT: Final = 4_000_000

_CYCLE: Final = 400
_LATEST_START: Final = 9800
_LAST: Final = 9999
# What `dateutil` takes for one period, in which it may find nothing, and for one occurrence.
_PERIOD_COST: Final = {"HOURLY": 1, "DAILY": 2, "WEEKLY": 4, "MONTHLY": 6, "YEARLY": 40}
_PERIOD_DAYS: Final = {"HOURLY": 1 / 24, "DAILY": 1, "WEEKLY": 7, "MONTHLY": 30, "YEARLY": 365}
_OCCURRENCE_COST: Final = 2
_RULE_COST: Final = 50


class TooMuchWork(Exception):
    """The rules of one file take too long."""


class Effort:
    """What was spent on the rules of one file."""

    def __init__(self) -> None:
        self._left = float(MOST_EFFORT)

    def check_happens(self, rule: Rule, start: datetime) -> None:
        """Refuse a rule without any occurrence.

        Raises:
            ValueError: it has none.
        """
        if next(self._occurrences(rule, start), None) is None:
            raise ValueError("the rule never happens")

    def last_counted(
        self, rule: Rule, start: datetime
    ) -> tuple[datetime | None, tuple[datetime, ...]]:
        """The last occurrence by COUNT, which the start always is part of, and later ones that day.

        None if it is hundreds of years away.
        """
        others = (at for at in self._occurrences(rule, start) if at != start)
        wanted = (rule.count or 1) - 1
        last = start if not wanted else next(islice(others, wanted - 1, None), None)
        if last is None or not rule.many_a_day:
            return last, ()
        return last, self._rest_of_day(others, last)

    def on_day_after(
        self, rule: Rule, start: datetime, day: date, end: datetime
    ) -> tuple[datetime, ...]:
        """The occurrences on a local date that are later than ``end``."""
        later: list[datetime] = []
        for at in self._occurrences(rule, start):
            if at.date() > day:
                break
            if at.date() == day and at > end:
                later.append(at)
        return tuple(later)

    @staticmethod
    def _rest_of_day(others: Iterator[datetime], last: datetime) -> tuple[datetime, ...]:
        rest: list[datetime] = []
        for at in others:
            if at.date() != last.date():
                break
            rest.append(at)
        return tuple(rest)

    def _occurrences(self, rule: Rule, start: datetime) -> Iterator[datetime]:
        cycles = (_LATEST_START - start.year) // _CYCLE * _CYCLE
        shifted = start.replace(year=start.year + cycles)
        self._spend(_RULE_COST)
        previous = shifted
        try:
            for at in rrulestr(rule.text, dtstart=shifted):
                self._spend(_OCCURRENCE_COST + _cost(rule, (at - previous) / timedelta(days=1)))
                previous = at
                yield at.replace(year=at.year - cycles)
        except (ValueError, TypeError) as error:
            raise ValueError("the rule never happens") from error
        self._spend(_cost(rule, (_LAST - previous.year) * _PERIOD_DAYS["YEARLY"]))

    def _spend(self, cost: float) -> None:
        self._left -= cost
        if self._left < 0:
            raise TooMuchWork


def _cost(rule: Rule, days: float) -> float:
    return days / _PERIOD_DAYS[rule.freq] / rule.interval * _PERIOD_COST[rule.freq]
