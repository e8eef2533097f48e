"""How events repeat: one file for each type, which finds its local times by arithmetic. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from notilog.calendar.repeat.daily import daily
from notilog.calendar.repeat.local_times import Repeat, first_on_or_after
from notilog.calendar.repeat.monthly_day_weekno import monthly_day_weekno
from notilog.calendar.repeat.monthly_number import monthly_number
from notilog.calendar.repeat.repetition import RepeatType, Repetition
from notilog.calendar.repeat.rrule import ImportedRule
from notilog.calendar.repeat.weekly import weekly
from notilog.calendar.repeat.workday import workday
from notilog.calendar.repeat.yearly import yearly

REPEATS: Final[dict[RepeatType, Callable[[datetime, Repetition], Repeat]]] = {
    "daily": daily,
    "weekly": weekly,
    "monthly_number": monthly_number,
    "monthly_day_weekno": monthly_day_weekno,
    "yearly": yearly,
    "workday": workday,
    "rrule": ImportedRule,
}


def repeat_of(start: datetime, repetition: Repetition) -> Repeat:
    """The local times of a series that starts at the naive local ``start``."""
    return REPEATS[repetition.type](start, repetition)


def first_match(start: datetime, repetition: Repetition) -> datetime | None:
    """Where a series has to start: ``start``, or the first later local time that its rule matches.

    None when the due date comes first.
    """
    return first_on_or_after(repeat_of(start, repetition), start)
