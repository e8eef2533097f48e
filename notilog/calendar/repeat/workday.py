"""On every work day, or every so many work days. Pure."""

from datetime import datetime, timedelta

from notilog.calendar.repeat.cycles import Cycle
from notilog.calendar.repeat.local_times import Reach
from notilog.calendar.repeat.repetition import Repetition

_WEEK = 7


def workday(start: datetime, repetition: Repetition) -> Cycle:
    """Each ``each``-th work day, counted from the first one that is not before the start.

    In as many rounds as a week has work days, this comes back to the same weekday.
    """
    from_weekday, to_weekday = repetition.work_days
    in_a_week = (to_weekday - from_weekday) % _WEEK + 1
    origin, passed = start, (start.weekday() - from_weekday) % _WEEK
    if passed >= in_a_week:
        origin, passed = start + timedelta(_WEEK - passed), 0
    counted = range(passed, passed + in_a_week * repetition.each, repetition.each)
    return Cycle(
        Reach(start, repetition),
        origin=origin,
        length=repetition.each * _WEEK,
        days=[number // in_a_week * _WEEK + number % in_a_week - passed for number in counted],
    )
