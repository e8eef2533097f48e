"""Every day, or every so many days. Pure."""

from datetime import datetime

from notilog.calendar.repeat.cycles import Cycle
from notilog.calendar.repeat.local_times import Reach
from notilog.calendar.repeat.repetition import Repetition


def daily(start: datetime, repetition: Repetition) -> Cycle:
    """The start, and each ``each``-th day after it."""
    return Cycle(Reach(start, repetition), origin=start, length=repetition.each, days=[0])
