"""A rule of RFC 5545 as one of our repetitions, if one is exactly the same. Pure."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from notilog.calendar.ics.effort import Effort
from notilog.calendar.ics.rule import WEEKDAYS, Rule
from notilog.calendar.ics.values import Written
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of, local_of

_DAY = timedelta(days=1)
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Repeats:
    """A repetition; on its last day the local times ``beyond`` come after the end of the rule."""

    repetition: Repetition
    beyond: tuple[datetime, ...] = ()


def repeats_of(
    rule: Rule, start: datetime, *, zone: ZoneInfo, all_day: bool, effort: Effort
) -> Repeats:
    """What a rule means for an event that starts at the naive local ``start``.

    Raises:
        ValueError: it never happens, or is not fit for an all-day event.
        TooMuchWork: the file has too many rules that take long.
    """
    rule = _without_needless_parts(rule, start, all_day=all_day)
    repetition = _repetition(rule, start)
    if repetition.type == "rrule":
        effort.check_happens(rule, start)
    if rule.count:
        last, beyond = effort.last_counted(rule, start)
        return Repeats(replace(repetition, due_date=last.date() if last else None), beyond)
    if rule.until is None:
        return Repeats(repetition)
    due_date = _due_date(rule, start, zone, all_day=all_day)
    beyond = ()
    if rule.many_a_day:
        end = _local_until(rule.until, zone)
        beyond = effort.on_day_after(rule, start, due_date, end)
    return Repeats(replace(repetition, due_date=due_date), beyond)


def _without_needless_parts(rule: Rule, start: datetime, *, all_day: bool) -> Rule:
    """Parts that only repeat the time of the start; an all-day event has no time at all."""
    if all_day and rule.freq == "HOURLY":
        raise ValueError("FREQ=HOURLY is not fit for an all-day event")
    if rule.freq == "HOURLY":
        return rule
    times = {"BYHOUR": start.hour, "BYMINUTE": start.minute, "BYSECOND": start.second}
    by = {
        name: values
        for name, values in rule.by.items()
        if name not in times or not (all_day or values == (str(times[name]),))
    }
    return replace(rule, by=by)


def _repetition(rule: Rule, start: datetime) -> Repetition:
    match rule.freq:
        case "DAILY":
            found = _daily(rule, start)
        case "WEEKLY":
            found = _weekly(rule, start)
        case "MONTHLY":
            found = _monthly(rule, start)
        case "YEARLY":
            found = _yearly(rule, start)
        case _:
            found = None
    return found or Repetition(type="rrule", rrule=rule.text)


def _daily(rule: Rule, start: datetime) -> Repetition | None:
    if not rule.by:
        return Repetition(type="daily", each=rule.interval)
    return _weekly(rule, start) if rule.interval == 1 else None


def _weekly(rule: Rule, start: datetime) -> Repetition | None:
    if not rule.by.keys() <= {"BYDAY"}:
        return None
    days = tuple(sorted(WEEKDAYS.index(day) for day in rule.by.get("BYDAY", ())))
    if rule.interval > 1 and not _same_weeks(days, start.weekday(), WEEKDAYS.index(rule.wkst)):
        return None
    return Repetition(type="weekly", each=rule.interval, weekly_days=days)


def _same_weeks(days: tuple[int, ...], first: int, week_start: int) -> bool:
    """Whether weeks from another weekday on count the days like weeks from Monday on."""
    return not week_start or all((day >= week_start) == (first >= week_start) for day in days)


def _monthly(rule: Rule, start: datetime) -> Repetition | None:
    by = rule.by
    if not by or by == {"BYMONTHDAY": (str(start.day),)}:
        return Repetition(type="monthly_number", each=rule.interval)
    position = _numbered_weekday(by, WEEKDAYS[start.weekday()])
    if position == (start.day - 1) // _WEEK + 1:
        return Repetition(type="monthly_day_weekno", each=rule.interval)
    if position == -1 and start.day + _WEEK > monthrange(start.year, start.month)[1]:
        return Repetition(type="monthly_day_weekno", each=rule.interval, monthly_last_week=True)
    return None


def _numbered_weekday(by: Mapping[str, tuple[str, ...]], weekday: str) -> int | None:
    """Which one of a month is meant, if it is one of that weekday."""
    if by.keys() == {"BYDAY"} and len(by["BYDAY"]) == 1 and by["BYDAY"][0] != weekday:
        day = by["BYDAY"][0]
        return int(day[:-2]) if day.endswith(weekday) else None
    if by.keys() == {"BYDAY", "BYSETPOS"} and by["BYDAY"] == (weekday,):
        return int(by["BYSETPOS"][0]) if len(by["BYSETPOS"]) == 1 else None
    return None


def _yearly(rule: Rule, start: datetime) -> Repetition | None:
    same_month = rule.by.get("BYMONTH", (str(start.month),)) == (str(start.month),)
    same_day = rule.by.get("BYMONTHDAY", (str(start.day),)) == (str(start.day),)
    plain = set(rule.by) in (set(), {"BYMONTH"}, {"BYMONTH", "BYMONTHDAY"})
    if plain and same_month and same_day:
        return Repetition(type="yearly", each=rule.interval)
    return None


def _due_date(rule: Rule, start: datetime, zone: ZoneInfo, *, all_day: bool) -> date:
    """The last local date with an occurrence that is not after UNTIL."""
    until = rule.until
    if until is None:
        return date.max
    last = _local_until(until, zone)
    day = last.date()
    if all_day:
        # Some programs write the midnight in UTC, others the end of the day as if it were UTC.
        day = day if last == datetime.combine(day, datetime.min.time()) else until.local.date()
    elif not until.is_date and not rule.many_a_day:
        happens = instant_of(datetime.combine(day, start.time()), zone)
        end = until.local.replace(tzinfo=happens.tzinfo) if until.is_utc else instant_of(last, zone)
        day -= _DAY if happens > end else timedelta()
    return max(day, start.date())


def _local_until(until: Written, zone: ZoneInfo) -> datetime:
    if until.is_date:
        return datetime.combine(until.local, datetime.max.time())
    if not until.is_utc:
        return until.local
    return local_of(until.local.replace(tzinfo=ZoneInfo("UTC")), zone)
