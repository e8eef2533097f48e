"""Series of every kind, and what dateutil makes of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr
from hypothesis import strategies as st

from notilog.calendar.occurrences import Schedule
from notilog.calendar.repeat import first_match
from notilog.calendar.repeat.repetition import RepeatType, Repetition
from notilog.calendar.wall_clock import instant_of

at = datetime.fromisoformat
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Gaza",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
)
SIX: tuple[RepeatType, ...] = (
    "daily",
    "weekly",
    "monthly_number",
    "monthly_day_weekno",
    "yearly",
    "workday",
)
IMPORTED = (
    "FREQ=HOURLY",
    "FREQ=HOURLY;INTERVAL=7;BYMINUTE=0,45",
    "FREQ=HOURLY;INTERVAL=5;BYDAY=MO,SU",
    "FREQ=DAILY;INTERVAL=3;BYHOUR=2,3;BYMINUTE=15,45",
    "FREQ=DAILY;BYMONTH=1,7;BYDAY=SA",
    "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,WE;BYHOUR=1,20",
    "FREQ=WEEKLY;INTERVAL=3;BYDAY=FR,SA,TU",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1,13",
    "FREQ=MONTHLY;INTERVAL=5",
    "FREQ=YEARLY;INTERVAL=3;BYWEEKNO=20;BYDAY=MO",
    "FREQ=YEARLY;BYYEARDAY=1,100,-1",
    "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
    "FREQ=YEARLY;INTERVAL=2",
)

DATES = st.one_of(
    st.dates(date(1990, 1, 1), date(2030, 12, 31)),
    st.sampled_from(
        [
            date(2024, 2, 29),
            date(2000, 2, 29),
            date(2026, 1, 31),
            date(2025, 12, 29),
            date(2010, 3, 30),
            date(2011, 12, 1),
            date(2026, 3, 1),
            date(2026, 10, 5),
        ]
    ),
)
CLOCKS = st.sampled_from([time(0), time(0, 30), time(2, 30), time(9), time(12), time(23, 59, 59)])
STARTS = st.builds(datetime.combine, DATES, CLOCKS)
EACH = st.one_of(st.integers(1, 5), st.integers(1, 50))
WEEKS = st.tuples(st.integers(0, 6), st.integers(0, 6))
REPETITIONS = st.builds(
    Repetition,
    type=st.sampled_from(SIX),
    each=EACH,
    weekly_days=st.lists(st.integers(0, 6), max_size=7).map(tuple),
    monthly_last_week=st.booleans(),
    work_days=WEEKS,
)
RULES = st.builds(lambda rule: Repetition(type="rrule", rrule=rule), st.sampled_from(IMPORTED))
SPANS = st.one_of(st.integers(0, 40), st.integers(0, 4000)).map(lambda days: timedelta(days=days))


def schedule_in(
    zone: str,
    start: datetime,
    repetition: Repetition,
    *,
    duration: timedelta = timedelta(hours=1),
    all_day: bool = False,
) -> Schedule:
    """The schedule of a series whose first start is not the second of two equal wall times."""
    where = ZoneInfo(zone)
    begins = instant_of(start, where)
    return Schedule(start, where, duration, all_day, begins, repetition)


def rule_of(start: datetime, repetition: Repetition) -> str:
    """The same repetition as the text of an RFC 5545 rule; each work day only for each = 1."""
    days = sorted(set(repetition.weekly_days)) or [start.weekday()]
    weekday = WEEKDAYS[start.weekday()]
    which = -1 if repetition.monthly_last_week else (start.day - 1) // 7 + 1
    from_day, to_day = repetition.work_days
    working = [WEEKDAYS[(from_day + n) % 7] for n in range((to_day - from_day) % 7 + 1)]
    rules = {
        "daily": "FREQ=DAILY",
        "weekly": "FREQ=WEEKLY;BYDAY=" + ",".join(WEEKDAYS[day] for day in days),
        "monthly_number": f"FREQ=MONTHLY;BYMONTHDAY={start.day}",
        "monthly_day_weekno": f"FREQ=MONTHLY;BYDAY={which}{weekday}",
        "yearly": f"FREQ=YEARLY;BYMONTH={start.month};BYMONTHDAY={start.day}",
        "workday": "FREQ=WEEKLY;BYDAY=" + ",".join(working),
        "rrule": repetition.rrule,
    }
    interval = "" if repetition.type in {"workday", "rrule"} else f";INTERVAL={repetition.each}"
    return rules[repetition.type] + interval


def dateutil_times(
    start: datetime, repetition: Repetition, first: datetime, last: datetime
) -> list[datetime]:
    """The local times of the series from ``first`` to ``last``, by dateutil."""
    rule = rrulestr(rule_of(start, repetition), dtstart=start)
    assert isinstance(rule, rrule)
    if repetition.due_date is not None:
        last = min(last, datetime.combine(repetition.due_date, time.max))
    if repetition.type != "workday":
        return rule.between(first, last, inc=True)
    times = rule.between(start, last, inc=True)[:: repetition.each]
    return [moment for moment in times if first <= moment]


def dateutil_starts(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    """The starts in a window, each local time of dateutil turned into UTC by itself."""
    assert schedule.repetition is not None
    far = timedelta(days=2)
    first = max(start.astimezone(UTC).replace(tzinfo=None) - far, schedule.start_local)
    last = end.astimezone(UTC).replace(tzinfo=None) + far
    times = dateutil_times(schedule.start_local, schedule.repetition, first, last)
    later = {instant_of(moment, schedule.zone) for moment in times}
    starts = {schedule.starts_at} | {moment for moment in later if moment > schedule.starts_at}
    return sorted(moment for moment in starts if start <= moment < end)


def matched(start: datetime, repetition: Repetition) -> datetime:
    """The start that is saved for that start."""
    match = first_match(start, replace(repetition, due_date=None))
    assert match is not None
    return match
