"""Days, weeks and months of a zone, as windows of time. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month", "all"]


def window(period: Period, *, zone: ZoneInfo, at: datetime) -> tuple[datetime, datetime] | None:
    """The day, week (from Monday) or month of the zone in which ``at`` is; None is all time."""
    today = at.astimezone(zone).date()
    match period:
        case "day":
            begin, end = today, today + timedelta(days=1)
        case "week":
            begin = today - timedelta(days=today.weekday())
            end = begin + timedelta(days=7)
        case "month":
            begin = today.replace(day=1)
            end = (begin + timedelta(days=31)).replace(day=1)
        case "all":
            return None
    return _midnight(begin, zone), _midnight(end, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Where clocks go forward at midnight, the day begins at one."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
