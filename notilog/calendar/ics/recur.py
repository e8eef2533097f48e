"""Our repetitions as RECUR values of RFC 5545. Pure."""

from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from notilog.calendar.drafts import Moment
from notilog.calendar.ics.rule import WEEKDAYS
from notilog.calendar.ics.values import date_text, midnight, time_text
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of, local_of

_WEEK: Final = 7


def recur_of(repetition: Repetition, start: Moment, *, zone: ZoneInfo, all_day: bool) -> str:
    """The rule with its end; empty if no rule can say it, as every second work day."""
    local = local_of(start, zone) if isinstance(start, datetime) else midnight(start)
    rule = repetition.rrule if repetition.type == "rrule" else _rule(repetition, local)
    if not rule or repetition.due_date is None:
        return rule
    if all_day:
        return f"{rule};UNTIL={date_text(repetition.due_date)}"
    # The end of the day would do for one occurrence a day; it is right for several too.
    last = datetime.combine(repetition.due_date, time(23, 59, 59))
    return f"{rule};UNTIL={time_text(instant_of(last, zone).astimezone(UTC))}Z"


def _rule(repetition: Repetition, start: datetime) -> str:
    frequency, by = _parts(repetition, start)
    interval = f";INTERVAL={repetition.each}" if repetition.each > 1 else ""
    return f"FREQ={frequency}{interval}{by}" if frequency else ""


def _parts(repetition: Repetition, start: datetime) -> tuple[str, str]:
    match repetition.type:
        case "weekly":
            days = _days(sorted(set(repetition.weekly_days)))
            return "WEEKLY", f";BYDAY={days}" if days else ""
        case "monthly_number":
            return "MONTHLY", f";BYMONTHDAY={start.day}"
        case "monthly_day_weekno":
            number = -1 if repetition.monthly_last_week else (start.day - 1) // _WEEK + 1
            return "MONTHLY", f";BYDAY={number}{WEEKDAYS[start.weekday()]}"
        case "yearly":
            return "YEARLY", ""
        case "workday":
            first, last = repetition.work_days
            week = [(first + day) % _WEEK for day in range((last - first) % _WEEK + 1)]
            return ("DAILY", f";BYDAY={_days(week)}") if repetition.each == 1 else ("", "")
        case _:
            return "DAILY", ""


def _days(numbers: list[int]) -> str:
    return ",".join(WEEKDAYS[number] for number in numbers)
