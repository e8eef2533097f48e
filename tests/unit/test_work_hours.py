"""Work hours: weeks that wrap, shifts over midnight, clocks that change."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notilog.calendar.intervals import Interval, total
from notilog.calendar.wall_clock import instant_of
from notilog.calendar.work_hours import WorkDays, outside, outside_each, working

at = datetime.fromisoformat
BERLIN = ZoneInfo("Europe/Berlin")
SAMOA = ZoneInfo("Pacific/Apia")
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


def hours(days: str, times: str) -> WorkDays:
    """Read ``mon-fri``, ``09:00-18:00``."""
    day_from, day_to = days.split("-")
    time_from, time_to = times.split("-")
    found = WorkDays.stored(
        {"day_from": day_from, "day_to": day_to, "time_from": time_from, "time_to": time_to}
    )
    assert found is not None
    return found


def window(start: str, end: str, zone: ZoneInfo = BERLIN) -> Interval:
    return Interval(instant_of(at(start), zone), instant_of(at(end), zone))


def shifts(days: WorkDays | None, start: str, end: str, zone: ZoneInfo = BERLIN) -> list[str]:
    """The time at work as the clocks of the zone show it, such as ``05 09:00 - 05 18:00``."""
    return [
        f"{shift.start.astimezone(zone):%d %H:%M} - {shift.end.astimezone(zone):%d %H:%M}"
        for shift in working(days, zone, window=window(start, end, zone))
    ]


def test_what_is_stored_at_a_user_is_read() -> None:
    assert hours("sun-thu", "22:00-06:30") == WorkDays(6, 3, time(22), time(6, 30))
    assert WorkDays.stored(None) is None


def test_a_working_week() -> None:
    # 2026-01-05 is a Monday.
    assert shifts(hours("mon-wed", "09:00-18:00"), "2026-01-05", "2026-01-13") == [
        "05 09:00 - 05 18:00",
        "06 09:00 - 06 18:00",
        "07 09:00 - 07 18:00",
        "12 09:00 - 12 18:00",
    ]


def test_a_week_may_wrap() -> None:
    assert shifts(hours("sun-mon", "09:00-10:00"), "2026-01-05", "2026-01-13") == [
        "05 09:00 - 05 10:00",
        "11 09:00 - 11 10:00",
        "12 09:00 - 12 10:00",
    ]


def test_one_day_and_the_whole_week() -> None:
    assert len(shifts(hours("wed-wed", "09:00-10:00"), "2026-01-05", "2026-01-12")) == 1
    assert len(shifts(hours("wed-tue", "09:00-10:00"), "2026-01-05", "2026-01-12")) == 7


def test_an_overnight_shift_belongs_to_the_day_on_which_it_starts() -> None:
    fridays = hours("fri-fri", "22:00-06:00")
    assert shifts(fridays, "2026-01-05", "2026-01-12") == ["09 22:00 - 10 06:00"]
    assert shifts(fridays, "2026-01-10", "2026-01-11") == ["10 00:00 - 10 06:00"]
    assert shifts(fridays, "2026-01-10T06:00", "2026-01-16T22:00") == []


def test_a_shift_to_midnight() -> None:
    assert shifts(hours("mon-mon", "14:00-00:00"), "2026-01-05", "2026-01-12") == [
        "05 14:00 - 06 00:00"
    ]


def test_the_same_time_twice_is_a_whole_day() -> None:
    assert shifts(hours("mon-tue", "06:00-06:00"), "2026-01-05", "2026-01-12") == [
        "05 06:00 - 07 06:00"
    ]


def test_who_has_no_work_days_is_always_at_work() -> None:
    week = window("2026-01-05", "2026-01-12")
    assert working(None, BERLIN, window=week) == [week]
    assert outside(None, BERLIN, window=week) == []
    assert working(None, BERLIN, window=Interval(week.start, week.start)) == []


def test_a_shift_is_cut_at_the_window() -> None:
    assert shifts(hours("mon-fri", "09:00-18:00"), "2026-01-05T10:00", "2026-01-05T11:00") == [
        "05 10:00 - 05 11:00"
    ]


@pytest.mark.parametrize(
    ("night", "long"),
    [("2026-03-28", "7:00:00"), ("2026-03-21", "8:00:00"), ("2026-10-24", "9:00:00")],
)
def test_a_night_shift_keeps_its_wall_clock_when_the_clocks_change(night: str, long: str) -> None:
    evening = at(night) + timedelta(hours=12)
    found = shifts(hours("sat-sat", "22:00-06:00"), str(evening), str(evening + DAY))
    assert found == [f"{evening:%d} 22:00 - {evening + DAY:%d} 06:00"]
    around = window(str(evening), str(evening + DAY))
    assert str(total(working(hours("sat-sat", "22:00-06:00"), BERLIN, window=around))) == long


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ("02:15-02:45", ["29 03:15 - 29 03:45"]),
        ("02:30-06:00", ["29 03:30 - 29 06:00"]),
        ("01:00-02:30", ["29 01:00 - 29 03:30"]),
        # 02:30 comes to mean 03:30, so nothing is left before 03:15.
        ("02:30-03:15", []),
    ],
)
def test_a_time_in_a_gap_takes_the_offset_before_it(times: str, found: list[str]) -> None:
    assert shifts(hours("sun-sun", times), "2026-03-29", "2026-03-30") == found


@pytest.mark.parametrize(
    ("times", "start", "long"),
    [("02:30-04:00", "00:30", "2:30:00"), ("01:00-02:30", "23:00", "1:30:00")],
)
def test_a_time_that_happens_twice_means_the_first(times: str, start: str, long: str) -> None:
    day = window("2026-10-25", "2026-10-26")
    (shift,) = working(hours("sun-sun", times), BERLIN, window=day)
    assert f"{shift.start:%H:%M}" == start
    assert str(shift.length) == long


def test_shifts_that_overlap_in_a_gap_are_one() -> None:
    # Saturday's ends at 02:45, which comes to mean 03:45; Sunday's starts at 03:15.
    assert shifts(hours("sat-sun", "03:15-02:45"), "2026-03-28", "2026-03-31") == [
        "28 03:15 - 30 02:45"
    ]


def test_a_zone_may_skip_a_whole_day() -> None:
    # Samoa went from the 29th of December straight to the 31st: 06:00 of the 30th is of the 31st.
    assert shifts(hours("thu-thu", "22:00-06:00"), "2011-12-31", "2012-01-01", SAMOA) == [
        "31 00:00 - 31 06:00"
    ]


def test_clocks_that_go_back_over_midnight_show_the_day_before_again() -> None:
    # A minute into the 7th, St. John's went back to 23:01 of the 6th.
    zone = ZoneInfo("America/St_Johns")
    saturday = Interval(at("2010-11-07T02:00Z"), at("2010-11-07T03:00Z"))
    assert saturday.end.astimezone(zone).day == 6
    (shift,) = working(hours("sun-sun", "00:00-08:00"), zone, window=saturday)
    assert shift == Interval(at("2010-11-07T02:30Z"), saturday.end)


def test_equal_hours_are_found_once() -> None:
    office = hours("mon-fri", "09:00-18:00")
    week = window("2026-01-05", "2026-01-12")
    found = outside_each(
        {"ann": (office, BERLIN), "ben": (office, BERLIN), "cat": (office, SAMOA)}, window=week
    )
    assert found["ann"] is found["ben"]
    assert found["ann"] == outside(office, BERLIN, window=week)
    assert found["cat"] == outside(office, SAMOA, window=week)


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]
)
# Days of 2026 around which the clocks of these zones change, and one on which none does.
STARTS = st.sampled_from(
    [date(2026, month, day) for month, day in [(3, 6), (3, 27), (4, 3), (6, 1), (10, 2), (10, 23)]]
)
TIMES = st.integers(0, 95).map(lambda quarter: (at("2026-01-01") + quarter * QUARTER).time())
WORK_DAYS = st.builds(WorkDays, st.integers(0, 6), st.integers(0, 6), TIMES, TIMES)


@cache
def clock(name: str, start: date) -> Callable[[datetime], datetime]:
    """The oracle's clock, read off every quarter of an hour around the start.

    What it never shows is as long after the last time that it showed as it seems to be.
    """
    shows: dict[datetime, datetime] = {}
    instant = datetime.combine(start, time(), UTC) - 6 * DAY
    for _ in range(96 * 16):
        shows.setdefault(instant.astimezone(ZoneInfo(name)).replace(tzinfo=None), instant)
        instant += QUARTER

    def instant_when(local: datetime) -> datetime:
        return shows[local] if local in shows else instant_when(local - QUARTER) + QUARTER

    return instant_when


def at_work(days: WorkDays, name: str, start: date) -> set[datetime]:
    """Every quarter of an hour at work, of the shifts that start up to four days away."""
    week = [(days.day_from + more) % 7 for more in range(7)]
    week = week[: week.index(days.day_to) + 1]
    chosen: set[datetime] = set()
    for day in (start + more * DAY for more in range(-4, 8)):
        begins = datetime.combine(day, days.time_from)
        ends = datetime.combine(day, days.time_to)
        if ends <= begins:
            ends += DAY
        instant = clock(name, start)(begins)
        while day.weekday() in week and instant < clock(name, start)(ends):
            chosen.add(instant)
            instant += QUARTER
    return chosen


@settings(deadline=None)
@given(days=WORK_DAYS, name=ZONES, start=STARTS, after=st.integers(0, 95), long=st.integers(0, 300))
@example(WorkDays(5, 6, time(3, 15), time(2, 45)), "Europe/Berlin", date(2026, 3, 27), 0, 300)
def test_every_quarter_of_an_hour_is_at_work_or_outside(
    days: WorkDays, name: str, start: date, after: int, long: int
) -> None:
    first = datetime.combine(start, time(), UTC) + after * QUARTER
    asked = Interval(first, first + long * QUARTER)
    expected = at_work(days, name, start)
    inside = working(days, ZoneInfo(name), window=asked)
    beyond = outside(days, ZoneInfo(name), window=asked)
    for quarter in (first + more * QUARTER for more in range(long)):
        assert any(_.start <= quarter < _.end for _ in inside) == (quarter in expected)
    assert total(inside) + total(beyond) == asked.length
    both = sorted(inside + beyond, key=lambda part: part.start)
    assert all(part.start < part.end for part in both)
    assert all(part.end == later.start for part, later in pairwise(both))
