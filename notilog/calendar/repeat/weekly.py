"""On some days of the week, in every week or every so many weeks. Pure."""

from datetime import datetime, timedelta

from notilog.calendar.repeat.cycles import Cycle
from notilog.calendar.repeat.local_times import Reach
from notilog.calendar.repeat.repetition import Repetition

_WEEK = 7


def weekly(start: datetime, repetition: Repetition) -> Cycle:
    """The chosen weekdays, or the start's when none is chosen, of each ``each``-th week.

    Weeks begin on Monday, and the first is the start's.
    """
    weekday = start.weekday()
    return Cycle(
        Reach(start, repetition),
        origin=start - timedelta(weekday),
        length=repetition.each * _WEEK,
        days=sorted(set(repetition.weekly_days)) or [weekday],
    )
