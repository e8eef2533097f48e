"""On the same date of every year or every so many years. Pure."""

from datetime import date

from notilog.calendar.repeat.months import InMonths
from notilog.calendar.repeat.repetition import Repetition

_MONTHS = 12


def yearly(start: date, repetition: Repetition) -> InMonths:
    """The start's month and day in each ``each``-th year; 29 February only in leap years."""
    return InMonths(start, each=repetition.each * _MONTHS, number_in=lambda _month: start.day)
