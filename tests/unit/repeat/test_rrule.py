"""Imported rules: which are taken, and that they are expanded as dateutil does, only sooner."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice
from time import perf_counter

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from notilog.calendar.repeat import repeat_of
from notilog.calendar.repeat.local_times import first_on_or_after
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.repeat.rrule import checked
from tests.unit.repeat.series import IMPORTED, RULES, SPANS, STARTS, at, dateutil_times

START = at("2026-11-20T09:00")
NUMBERS = st.lists(st.integers(-60, 60), min_size=1, max_size=3).map(
    lambda numbers: ",".join(map(str, numbers))
)
DAYS = st.lists(
    st.sampled_from(["MO", "WE", "1SU", "-1FR", "5TH", "53MO", "0SA"]), min_size=1, max_size=3
).map(",".join)


@settings(deadline=None)
@given(start=STARTS, repetition=RULES, skipped=SPANS, days=st.integers(0, 500))
def test_a_later_beginning_changes_nothing(
    start: datetime, repetition: Repetition, skipped: timedelta, days: int
) -> None:
    if "HOURLY" in repetition.rrule:
        skipped, days = skipped % timedelta(days=300), days % 20
    first, last = start + skipped, start + skipped + timedelta(days=days)
    repeat = repeat_of(start, repetition)
    expected = dateutil_times(start, repetition, first, last)
    assert list(repeat.between(first, last)) == expected
    assert repeat.most_between(first, last) >= len(expected)


@pytest.mark.parametrize("rule", IMPORTED)
def test_rules_that_are_taken(rule: str) -> None:
    assert checked(rule.lower(), START, all_day=False) == rule


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("", "must be a rule"),
        ("weekly", "must be a rule"),
        ("FREQ=DAILY\nRRULE:FREQ=SECONDLY", "must be a rule"),
        ("FREQ=DAILY;FREQ=WEEKLY", "twice"),
        ("FREQ=DAILY;COUNT=3", "COUNT"),
        ("FREQ=DAILY;UNTIL=20270101", "UNTIL"),
        ("FREQ=YEARLY;BYEASTER=0", "BYEASTER"),
        ("FREQ=MINUTELY", "FREQ"),
        ("FREQ=SECONDLY;INTERVAL=3600", "FREQ"),
        ("INTERVAL=2", "FREQ"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=10000", "INTERVAL"),
        ("FREQ=HOURLY;BYMINUTE=0,10,20,30,40", "96 times"),
        ("FREQ=DAILY;BYDAY=XX", "XX"),
        ("FREQ=DAILY;WKST=8", "WKST"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR"),
        ("FREQ=DAILY;BYMONTHDAY=1000000000000", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYSETPOS=0", "BYSETPOS"),
        ("FREQ=YEARLY;BYMONTH=1,-1", "BYMONTH"),
        ("FREQ=MONTHLY;BYDAY=6MO", "6MO"),
        ("FREQ=WEEKLY;BYDAY=MO,1FR", "1FR"),
        ("FREQ=YEARLY;BYDAY=0SU", "0SU"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "nothing comes"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "nothing comes"),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "nothing comes"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "nothing comes"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6", "nothing comes"),
    ],
)
def test_rules_that_are_refused_soon(rule: str, reason: str) -> None:
    begin = perf_counter()
    with pytest.raises(ValueError, match=reason):
        checked(rule, START, all_day=False)
    assert perf_counter() - begin < 10


@pytest.mark.parametrize("rule", ["FREQ=HOURLY", "FREQ=DAILY;BYHOUR=9", "FREQ=DAILY;BYSECOND=0"])
def test_an_all_day_event_has_no_times(rule: str) -> None:
    with pytest.raises(ValueError, match="all-day"):
        checked(rule, at("2026-11-20T00:00"), all_day=True)
    assert checked("FREQ=DAILY", at("2026-11-20T00:00"), all_day=True) == "FREQ=DAILY"


@settings(deadline=None, max_examples=60)
@given(
    frequency=st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    interval=st.integers(1, 60),
    parts=st.dictionaries(
        st.sampled_from(
            ["BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYHOUR", "BYMINUTE"]
        ),
        NUMBERS,
        max_size=2,
    ),
    days=st.one_of(st.none(), DAYS),
)
def test_whatever_is_asked_is_taken_or_refused(
    *, frequency: str, interval: int, parts: dict[str, str], days: str | None
) -> None:
    if days is not None:
        parts = {**parts, "BYDAY": days}
    text = f"FREQ={frequency};INTERVAL={interval}"
    text = ";".join([text, *(f"{name}={value}" for name, value in parts.items())])
    try:
        kept = checked(text, START, all_day=False)
    except ValueError:
        return
    repetition = Repetition(type="rrule", rrule=kept)
    first = first_on_or_after(repeat_of(START, repetition), START)
    assert first == next(iter(rrulestr(kept, dtstart=START)))


def test_a_due_date_ends_a_rule() -> None:
    rule = Repetition(type="rrule", rrule="FREQ=DAILY;BYHOUR=9,20", due_date=date(2026, 11, 21))
    assert list(repeat_of(START, rule).between(START, at("2027-01-01"))) == [
        at("2026-11-20T09:00"),
        at("2026-11-20T20:00"),
        at("2026-11-21T09:00"),
        at("2026-11-21T20:00"),
    ]
    ended = replace(rule, due_date=date(2026, 11, 1))
    assert list(repeat_of(START, ended).between(START, at("2027-01-01"))) == []


def test_a_rule_goes_on_to_the_last_day_of_all() -> None:
    rule = Repetition(type="rrule", rrule="FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31")
    repeat = repeat_of(at("1900-01-01T08:00"), rule)
    assert first_on_or_after(repeat, at("2999-01-01")) == at("2999-12-31T08:00")
    years = [
        moment.year
        for moment in islice(repeat.between(at("1900-01-01"), at("2999-12-31T23:00")), 2000)
    ]
    assert years == list(range(1900, 3000))
