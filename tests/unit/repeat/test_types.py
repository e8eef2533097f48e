"""Each type of repetition: its rules one by one, and against dateutil."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notilog.calendar.repeat import first_match, repeat_of
from notilog.calendar.repeat.local_times import first_on_or_after, next_after
from notilog.calendar.repeat.repetition import Repetition
from tests.unit.repeat.series import REPETITIONS, SPANS, STARTS, at, dateutil_times, matched

NOON = time(12)


def days_of(start: str, repetition: Repetition, count: int = 4) -> list[str]:
    begin = datetime.combine(date.fromisoformat(start), NOON)
    times = repeat_of(begin, repetition).between(begin, at("2999-12-31T23:59"))
    return [moment.date().isoformat() for moment in islice(times, count)]


@settings(deadline=None, max_examples=100)
@given(
    start=STARTS,
    repetition=REPETITIONS,
    skipped=SPANS,
    span=SPANS,
    due=st.one_of(st.none(), SPANS),
)
def test_the_times_are_those_of_dateutil(
    *,
    start: datetime,
    repetition: Repetition,
    skipped: timedelta,
    span: timedelta,
    due: timedelta | None,
) -> None:
    start = matched(start, repetition)
    if due is not None:
        repetition = replace(repetition, due_date=start.date() + due)
    first, last = start + skipped, start + skipped + span
    repeat = repeat_of(start, repetition)
    expected = dateutil_times(start, repetition, first, last)
    assert list(repeat.between(first, last)) == expected
    assert repeat.most_between(first, last) >= len(expected)


@settings(deadline=None)
@given(start=STARTS, repetition=REPETITIONS)
def test_a_start_is_moved_to_the_first_match_and_stays_there(
    start: datetime, repetition: Repetition
) -> None:
    match = matched(start, repetition)
    assert match >= start
    assert match == first_on_or_after(repeat_of(start, repetition), start)
    assert first_match(match, repetition) == match
    later = list(islice(repeat_of(start, repetition).between(start, at("2999-12-31")), 5))
    assert list(islice(repeat_of(match, repetition).between(match, at("2999-12-31")), 5)) == later


@pytest.mark.parametrize(
    ("start", "repetition", "days"),
    [
        (
            "2026-01-31",
            Repetition(type="monthly_number"),
            ["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31"],
        ),
        (
            "2024-01-30",
            Repetition(type="monthly_number", each=13),
            ["2024-01-30", "2026-03-30", "2027-04-30", "2028-05-30"],
        ),
        (
            "2024-02-29",
            Repetition(type="yearly"),
            ["2024-02-29", "2028-02-29", "2032-02-29", "2036-02-29"],
        ),
        (
            "2096-02-29",
            Repetition(type="yearly"),
            ["2096-02-29", "2104-02-29", "2108-02-29", "2112-02-29"],
        ),
        (
            "2000-02-29",
            Repetition(type="yearly", each=50),
            ["2000-02-29", "2400-02-29", "2800-02-29"],
        ),
        (
            "2026-01-29",
            Repetition(type="monthly_day_weekno"),
            ["2026-01-29", "2026-04-30", "2026-07-30", "2026-10-29"],
        ),
        (
            "2026-01-26",
            Repetition(type="monthly_day_weekno", monthly_last_week=True),
            ["2026-01-26", "2026-02-23", "2026-03-30", "2026-04-27"],
        ),
        (
            "2026-11-20",
            Repetition(type="weekly"),
            ["2026-11-20", "2026-11-27", "2026-12-04", "2026-12-11"],
        ),
        (
            "2026-11-20",
            Repetition(type="weekly", weekly_days=(0, 4, 0, 6), each=2),
            ["2026-11-20", "2026-11-22", "2026-11-30", "2026-12-04"],
        ),
        (
            "2026-11-20",
            Repetition(type="weekly", weekly_days=(0,), each=2),
            ["2026-11-30", "2026-12-14", "2026-12-28", "2027-01-11"],
        ),
        (
            "2026-11-20",
            Repetition(type="workday", each=2),
            ["2026-11-20", "2026-11-24", "2026-11-26", "2026-11-30"],
        ),
        (
            "2026-11-21",
            Repetition(type="workday"),
            ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"],
        ),
        (
            "2026-11-19",
            Repetition(type="workday", work_days=(6, 3)),
            ["2026-11-19", "2026-11-22", "2026-11-23", "2026-11-24"],
        ),
        (
            "2026-11-19",
            Repetition(type="workday", work_days=(2, 2), each=3),
            ["2026-11-25", "2026-12-16", "2027-01-06", "2027-01-27"],
        ),
        (
            "2026-11-20",
            Repetition(type="daily", each=10, due_date=date(2026, 12, 10)),
            ["2026-11-20", "2026-11-30", "2026-12-10"],
        ),
        ("2999-12-30", Repetition(type="daily"), ["2999-12-30", "2999-12-31"]),
        ("2026-11-20", Repetition(type="daily", each=10**9), ["2026-11-20"]),
        ("2026-11-20", Repetition(type="weekly", each=10**12), ["2026-11-20"]),
        ("2026-11-20", Repetition(type="workday", each=10**12), ["2026-11-20"]),
        ("2026-11-20", Repetition(type="yearly", each=10**12), ["2026-11-20"]),
    ],
)
def test_the_first_dates(start: str, repetition: Repetition, days: list[str]) -> None:
    assert days_of(start, repetition) == days


def test_there_is_no_match_after_the_due_date() -> None:
    mondays = Repetition(type="weekly", weekly_days=(0,), due_date=date(2026, 11, 22))
    assert first_match(at("2026-11-20T09:00"), mondays) is None
    assert first_match(at("2026-11-16T09:00"), mondays) == at("2026-11-16T09:00")


def test_the_clock_time_decides_whether_a_day_is_within() -> None:
    daily = repeat_of(at("2026-11-20T09:00"), Repetition(type="daily"))
    assert next_after(daily, at("2026-11-21T08:59:59")) == at("2026-11-21T09:00")
    assert next_after(daily, at("2026-11-21T09:00")) == at("2026-11-22T09:00")
    assert list(daily.between(at("2026-11-20T09:00:01"), at("2026-11-21T08:59:59"))) == []
    assert list(daily.between(at("2026-11-22"), at("2026-11-21"))) == []
