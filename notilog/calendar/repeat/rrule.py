"""Rules of imported events that no other type can express, expanded by python-dateutil. Pure.

dateutil walks from the start, and without a match to the end of the year 9999. Two things keep
that short, and are exact: it is given a start that is some whole intervals later, near what is
asked for, and all is moved by a multiple of 400 years, after which the calendar repeats to the
weekday, so that the end is near too.
"""

from collections.abc import Iterator
from datetime import MAXYEAR, datetime, time, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Final

from dateutil.rrule import rrule, rrulestr

from notilog.calendar.repeat.local_times import last_day
from notilog.calendar.repeat.months import date_in, month_of
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.repeat.rrule_parts import (
    WEEKDAYS,
    has_times,
    most_a_day,
    most_a_period,
    parts_of,
    with_defaults,
)

MOST_A_DAY: Final = 96
LONGEST_WAIT: Final = timedelta(days=50 * 365)

_CYCLE = 400
_YEARS_LEFT = 50
_SECOND = timedelta(seconds=1)
_LENGTHS = {"HOURLY": timedelta(hours=1), "DAILY": timedelta(days=1), "WEEKLY": timedelta(days=7)}
_MONTHS = {"MONTHLY": 1, "YEARLY": 12}


class ImportedRule:
    """The local times of an RFC 5545 rule; may be several on one day."""

    def __init__(self, start: datetime, repetition: Repetition) -> None:
        self._start = start
        self._last = datetime.combine(last_day(repetition), time.max)
        self._parts = with_defaults(parts_of(repetition.rrule), start)
        self._periods = _Periods(start, self._parts)
        self._rule = _parsed(";".join("=".join(part) for part in self._parts.items()), start)

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        first, last = max(first, self._start), min(last, self._last)
        while first <= last:
            years = (MAXYEAR - _YEARS_LEFT - first.year) // _CYCLE * _CYCLE
            rule = self._rule.replace(dtstart=_moved(self._begin(first), years))
            end = datetime(MAXYEAR - years, 12, 31, 23, 59, 59)  # noqa: DTZ001  # wall time
            until = _moved(min(last, end), years)
            for local in takewhile(until.__ge__, rule.xafter(_moved(first, years), inc=True)):
                yield _moved(local, -years)
            first = end + _SECOND

    def most_between(self, first: datetime, last: datetime) -> int:
        first, last = max(first, self._start), min(last, self._last)
        if last < first:
            return 0
        periods = self._periods.before(last) - self._periods.before(first) + 1
        return periods * most_a_period(self._parts)

    def _begin(self, moment: datetime) -> datetime:
        """A start for the rule, not later than ``moment``, from which it goes on just the same."""
        passed = self._periods.before(moment)
        return self._periods.begin(passed) if passed else self._start


class _Periods:
    """The hours, days, weeks, months or years in which a rule is counted: each ``INTERVAL``-th."""

    def __init__(self, start: datetime, parts: dict[str, str]) -> None:
        frequency = parts["FREQ"]
        self._interval = int(parts.get("INTERVAL", "1"))
        self._months = _MONTHS.get(frequency, 0)
        self._length = _LENGTHS.get(frequency, timedelta())
        midnight = datetime.combine(start.date(), time())
        self._origin = midnight
        if frequency == "HOURLY":
            self._origin = midnight.replace(hour=start.hour)
        elif frequency == "WEEKLY":
            first_weekday = WEEKDAYS.index(parts.get("WKST", "MO"))
            self._origin = midnight - timedelta(days=(start.weekday() - first_weekday) % 7)
        elif frequency == "YEARLY":
            self._origin = midnight.replace(month=1)

    def before(self, moment: datetime) -> int:
        """How many periods have begun before the one in which ``moment`` lies, or is waited for."""
        if self._months:
            passed = (month_of(moment) - month_of(self._origin)) // self._months
        else:
            passed = (moment - self._origin) // self._length
        return passed // self._interval

    def begin(self, number: int) -> datetime:
        """The first moment of the period before which there are so many."""
        passed = number * self._interval
        if self._months:
            month = month_of(self._origin) + passed * self._months
            return datetime.combine(date_in(month, 1), time())
        return self._origin + passed * self._length


def checked(text: str, start: datetime, *, all_day: bool) -> str:
    """A rule as it is kept, for a series that starts at the naive local ``start``.

    Raises:
        ValueError: it is no rule, has an end of its own, repeats more often than `MOST_A_DAY` times
            a day or, all day, at times; or nothing comes of it within `LONGEST_WAIT`.
    """
    parts = parts_of(text)
    if all_day and has_times(parts):
        raise ValueError("must not name times of a day: the event is all-day")
    if most_a_day(with_defaults(parts, start)) > MOST_A_DAY:
        raise ValueError(f"must not repeat more than {MOST_A_DAY} times a day")
    kept = ";".join("=".join(part) for part in parts.items())
    rule = ImportedRule(start, Repetition(type="rrule", rrule=kept))
    if next(rule.between(start, start + LONGEST_WAIT), None) is None:
        raise ValueError("must not be a rule of which nothing comes in 50 years")
    return kept


@lru_cache(maxsize=1024)
def _parsed(text: str, start: datetime) -> rrule:
    """The rule of dateutil.

    Raises:
        ValueError: a value that does not exist.
    """
    rule = rrulestr(text, dtstart=start)
    if not isinstance(rule, rrule):
        raise TypeError("must be one rule")
    return rule


def _moved(moment: datetime, years: int) -> datetime:
    return moment.replace(year=moment.year + years)
