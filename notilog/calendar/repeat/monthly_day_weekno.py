"""On a weekday of a week of every month or every so many months: on the second Friday. Pure."""

from datetime import datetime

from notilog.calendar.repeat.local_times import Reach
from notilog.calendar.repeat.months import InMonths, date_in, length_of
from notilog.calendar.repeat.repetition import Repetition

_WEEK = 7


def monthly_day_weekno(start: datetime, repetition: Repetition) -> InMonths:
    """The start's weekday in the start's week of each ``each``-th month, or the last such weekday.

    A month without a fifth such weekday is skipped when it is the fifth that is meant.
    """
    weekday = start.weekday()
    days_before = (start.day - 1) // _WEEK * _WEEK

    def in_that_week(month: int) -> int:
        return _first_in(month, weekday) + days_before

    def in_the_last_week(month: int) -> int:
        first = _first_in(month, weekday)
        return first + (length_of(month) - first) // _WEEK * _WEEK

    return InMonths(
        Reach(start, repetition),
        start=start,
        each=repetition.each,
        number_in=in_the_last_week if repetition.monthly_last_week else in_that_week,
    )


def _first_in(month: int, weekday: int) -> int:
    return (weekday - date_in(month, 1).weekday()) % _WEEK + 1
