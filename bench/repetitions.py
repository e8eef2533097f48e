"""Occurrences of a one-year window of a series that is ten years old, beside dateutil's rrule."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from bench.row import Row
from notilog.calendar.occurrences import Schedule, starts_between
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of

ROUNDS = 15
AIM = 30
SAME_COST = 1.5
ZONE = ZoneInfo("Europe/Berlin")
START = datetime.fromisoformat("2016-01-15T09:30")
CENTURY_AGO = datetime.fromisoformat("1926-01-15T09:30")
BEGIN = datetime.fromisoformat("2026-01-01T00:00:00Z")
END = datetime.fromisoformat("2027-01-01T00:00:00Z")
NEW = datetime.fromisoformat("2026-01-02T09:30")
DAY = timedelta(days=1)

# The third Friday is the 15th of January 2016.
REPETITIONS = {
    "FREQ=DAILY": Repetition(type="daily"),
    "FREQ=WEEKLY;BYDAY=MO,WE,FR": Repetition(type="weekly", weekly_days=(0, 2, 4)),
    "FREQ=MONTHLY;BYMONTHDAY=15": Repetition(type="monthly_number"),
    "FREQ=MONTHLY;BYDAY=3FR": Repetition(type="monthly_day_weekno"),
    "FREQ=YEARLY": Repetition(type="yearly"),
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": Repetition(type="workday"),
}


def run() -> list[Row]:
    """One row for each type, and one for the age of a series."""
    rows = [_beside_dateutil(rule, repetition) for rule, repetition in REPETITIONS.items()]
    return [*rows, _old_beside_new()]


def _beside_dateutil(rule: str, repetition: Repetition) -> Row:
    schedule = _schedule(START, repetition)
    peer_rule = rrulestr(rule, dtstart=START)
    assert isinstance(peer_rule, rrule)  # noqa: S101  # one rule, no set
    if _ours(schedule) != _peers(peer_rule):
        raise AssertionError(f"ours and dateutil's occurrences of {rule} differ")
    ours, peer = _medians(lambda: _ours(schedule), lambda: _peers(peer_rule))
    what = f"{repetition.type}: occurrences of a year, series 10 years old"
    ratio = peer / ours
    return Row(
        what, ours * 1e6, "µs", "dateutil rrule", peer * 1e6, ratio, f"≥ {AIM}", ratio >= AIM
    )


def _old_beside_new() -> Row:
    daily = Repetition(type="daily")
    old, new = _schedule(CENTURY_AGO, daily), _schedule(NEW, daily)
    ours, peer = _medians(lambda: _ours(old), lambda: _ours(new))
    ratio = ours / peer
    return Row(
        "daily: occurrences of a year, series 100 years old",
        ours * 1e6,
        "µs",
        "a new series",
        peer * 1e6,
        ratio,
        f"≤ {SAME_COST}",
        ratio <= SAME_COST,
    )


def _schedule(start: datetime, repetition: Repetition) -> Schedule:
    return Schedule(
        start_local=start,
        zone=ZONE,
        duration=timedelta(hours=1),
        all_day=False,
        starts_at=instant_of(start, ZONE),
        repetition=repetition,
    )


def _ours(schedule: Schedule) -> list[datetime]:
    return list(starts_between(schedule, BEGIN, END))


def _peers(rule: rrule) -> list[datetime]:
    """The rule walks in wall time; a day more on both sides, for the zone."""
    local = rule.between(BEGIN.replace(tzinfo=None) - DAY, END.replace(tzinfo=None) + DAY, inc=True)
    instants = (moment.replace(tzinfo=ZONE).astimezone(UTC) for moment in local)
    return [instant for instant in instants if BEGIN <= instant < END]


def _medians(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one call of each, by turns, each repeated for about as long."""
    seconds = [_seconds(ours, times=1), _seconds(peer, times=1)]
    times = [max(1, int(0.01 / one)) for one in seconds]
    pairs = [
        (_seconds(ours, times=times[0]), _seconds(peer, times=times[1])) for _ in range(ROUNDS)
    ]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def _seconds(work: Callable[[], object], *, times: int) -> float:
    begin = perf_counter()
    for _ in range(times):
        work()
    return (perf_counter() - begin) / times
