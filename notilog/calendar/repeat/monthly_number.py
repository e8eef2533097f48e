"""On the same day of every month or every so many months: on the 15th. Pure."""

from datetime import datetime

from notilog.calendar.repeat.local_times import Reach
from notilog.calendar.repeat.months import InMonths
from notilog.calendar.repeat.repetition import Repetition


def monthly_number(start: datetime, repetition: Repetition) -> InMonths:
    """The start's day of each ``each``-th month; a month without such a day is skipped."""
    return InMonths(
        Reach(start, repetition),
        start=start,
        each=repetition.each,
        number_in=lambda _month: start.day,
    )
