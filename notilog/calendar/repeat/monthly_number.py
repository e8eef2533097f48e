"""On the same day of every month or every so many months: on the 15th. Pure."""

from datetime import date

from notilog.calendar.repeat.months import InMonths
from notilog.calendar.repeat.repetition import Repetition


def monthly_number(start: date, repetition: Repetition) -> InMonths:
    """The start's day of each ``each``-th month; a month without such a day is skipped."""
    return InMonths(start, each=repetition.each, number_in=lambda _month: start.day)
