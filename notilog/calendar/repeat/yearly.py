"""On the same date of every year or every so many years. Pure."""

from datetime import datetime

from notilog.calendar.repeat.local_times import Reach
from notilog.calendar.repeat.months import InMonths
from notilog.calendar.repeat.repetition import Repetition

_MONTHS = 12


def yearly(start: datetime, repetition: Repetition) -> InMonths:
    """The start's month and day in each ``each``-th year; 29 February only in leap years."""
    return InMonths(
        Reach(start, repetition),
        start=start,
        each=repetition.each * _MONTHS,
        number_in=lambda _month: start.day,
    )
