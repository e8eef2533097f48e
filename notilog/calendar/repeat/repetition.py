"""What an author says about the repetition of an event. Pure."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

RepeatType = Literal[
    "daily", "weekly", "monthly_number", "monthly_day_weekno", "yearly", "workday", "rrule"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """How an event repeats.

    Attributes:
        type: the key of `REPEATS`.
        each: every how many units: days, Monday-based weeks, months, years, or work days.
        due_date: the last local date on which an occurrence may start; None repeats for ever.
        weekly_days: weekdays of a ``weekly`` repetition, 0 is Monday; empty is the start's.
        monthly_last_week: ``monthly_day_weekno`` means the last such weekday of each month.
        work_days: the first and the last weekday of the author's working week, which may wrap
            around (6, 3 is Sunday to Thursday); of a ``workday`` repetition only.
        rrule: the text of an imported RFC 5545 RECUR value that no other type can express, without
            COUNT and UNTIL; of an ``rrule`` repetition only.
    """

    type: RepeatType
    each: int = 1
    due_date: date | None = None
    weekly_days: tuple[int, ...] = ()
    monthly_last_week: bool = False
    work_days: tuple[int, int] = (0, 4)
    rrule: str = ""
