"""Rules of RFC 5545 and our repetitions mean the same occurrences."""

from datetime import UTC, date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from notilog.calendar.ics.malformed import MalformedCalendar
from notilog.calendar.ics.reading import read
from notilog.calendar.ics.recur import recur_of
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of
from tests.unit.ics.samples import calendar

BERLIN = ZoneInfo("Europe/Berlin")
# A Friday, the third one and not the last one of its month.
FRIDAY = "20261120T090000"


def repetition_of(rule: str, start: str = FRIDAY) -> Repetition:
    zoned = f"DTSTART{':' if len(start) == 8 else ';TZID=Europe/Berlin:'}{start}"
    (event,) = read(calendar(f"{zoned}\nRRULE:{rule}"), floating=BERLIN)
    assert event.repetition is not None
    return event.repetition


@pytest.mark.parametrize(
    ("rule", "repetition"),
    [
        ("FREQ=DAILY", Repetition(type="daily")),
        ("freq=daily;interval=3;", Repetition(type="daily", each=3)),
        ("FREQ=DAILY;BYHOUR=9;BYMINUTE=0", Repetition(type="daily")),
        ("FREQ=DAILY;BYDAY=MO,FR", Repetition(type="weekly", weekly_days=(0, 4))),
        ("FREQ=WEEKLY", Repetition(type="weekly")),
        ("FREQ=WEEKLY;BYDAY=FR,MO,FR", Repetition(type="weekly", weekly_days=(0, 4))),
        ("FREQ=WEEKLY;BYDAY=MO,SU;WKST=SU", Repetition(type="weekly", weekly_days=(0, 6))),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", Repetition(type="weekly", each=2)),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;WKST=SU",
            Repetition(type="weekly", each=2, weekly_days=(0, 4)),
        ),
        ("FREQ=MONTHLY", Repetition(type="monthly_number")),
        ("FREQ=MONTHLY;BYMONTHDAY=20", Repetition(type="monthly_number")),
        ("FREQ=MONTHLY;BYDAY=+3FR", Repetition(type="monthly_day_weekno")),
        ("FREQ=MONTHLY;BYDAY=FR;BYSETPOS=3", Repetition(type="monthly_day_weekno")),
        ("FREQ=YEARLY", Repetition(type="yearly")),
        ("FREQ=YEARLY;BYMONTH=11", Repetition(type="yearly")),
        ("FREQ=YEARLY;BYMONTHDAY=20;BYMONTH=11", Repetition(type="yearly")),
    ],
)
def test_rules_that_are_one_of_ours(rule: str, repetition: Repetition) -> None:
    assert repetition_of(rule) == repetition


def test_the_last_weekday_of_a_month() -> None:
    last = Repetition(type="monthly_day_weekno", monthly_last_week=True)
    assert repetition_of("FREQ=MONTHLY;BYDAY=-1FR", "20261127T090000") == last
    assert repetition_of("FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1", "20261127T090000") == last


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=HOURLY;INTERVAL=6",
        "FREQ=DAILY;INTERVAL=2;BYDAY=MO,FR",
        "FREQ=DAILY;BYHOUR=9,15",
        "FREQ=DAILY;BYMONTH=1",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR,SU;WKST=SU",
        "FREQ=MONTHLY;BYMONTHDAY=21",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=MONTHLY;BYMONTHDAY=13,20",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=MONTHLY;BYDAY=2TU",
        "FREQ=MONTHLY;BYDAY=FR",
        "FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU,WE,TH,FR",
        "FREQ=YEARLY;BYMONTHDAY=20",
        "FREQ=YEARLY;BYMONTH=11,12",
        "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
        "FREQ=YEARLY;BYWEEKNO=47",
        "FREQ=YEARLY;BYYEARDAY=-1",
    ],
)
def test_other_rules_stay_a_text_that_means_the_same(rule: str) -> None:
    found = repetition_of(rule)
    assert found.type == "rrule"
    start = datetime(2026, 11, 20, 9)  # noqa: DTZ001 -- a wall clock
    kept, meant = (rrulestr(text, dtstart=start) for text in (found.rrule, rule))
    assert list(islice(kept, 100)) == list(islice(meant, 100))


@pytest.mark.parametrize(
    ("end", "due_date"),
    [
        ("COUNT=1", date(2026, 11, 20)),
        ("COUNT=3", date(2026, 12, 4)),
        ("COUNT=100000", None),
        ("UNTIL=20261204", date(2026, 12, 4)),
        # 09:00 in Berlin is 08:00 in UTC.
        ("UNTIL=20261204T080000Z", date(2026, 12, 4)),
        ("UNTIL=20261204T075959Z", date(2026, 12, 3)),
        ("UNTIL=20261203T230000Z", date(2026, 12, 3)),
        ("UNTIL=20261204T235959Z", date(2026, 12, 4)),
        ("UNTIL=20261204T090000", date(2026, 12, 4)),
        ("UNTIL=20261204T085959", date(2026, 12, 3)),
        ("UNTIL=20200101T000000Z", date(2026, 11, 20)),
        # 09:00 in Berlin is 07:00 in UTC in summer.
        ("UNTIL=20270329T070000Z", date(2027, 3, 29)),
        ("UNTIL=20270329T065959Z", date(2027, 3, 28)),
    ],
)
def test_ends(end: str, due_date: date | None) -> None:
    assert repetition_of(f"FREQ=WEEKLY;{end}").due_date == due_date


@pytest.mark.parametrize(
    ("until", "due_date"),
    [
        ("20261204", date(2026, 12, 4)),
        ("20261204T000000Z", date(2026, 12, 4)),
        ("20261204T235959Z", date(2026, 12, 4)),
        ("20261203T230000Z", date(2026, 12, 4)),
    ],
)
def test_ends_of_all_day_series(until: str, due_date: date) -> None:
    assert repetition_of(f"FREQ=DAILY;UNTIL={until}", "20261120").due_date == due_date


def test_a_count_includes_a_start_that_does_not_match_and_excluded_dates() -> None:
    assert repetition_of("FREQ=WEEKLY;BYDAY=MO;COUNT=3").due_date == date(2026, 11, 30)
    text = calendar(f"DTSTART:{FRIDAY}\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20261121T090000")
    (event,) = read(text, floating=BERLIN)
    assert event.repetition
    assert event.repetition.due_date == date(2026, 11, 22)


@pytest.mark.parametrize("end", ["COUNT=4", "UNTIL=20261121T110000Z"])
def test_an_end_within_a_day_excludes_the_rest_of_it(end: str) -> None:
    text = calendar(f"DTSTART:{FRIDAY}\nRRULE:FREQ=DAILY;BYHOUR=9,12,15;{end}")
    (event,) = read(text, floating=BERLIN)
    assert event.repetition
    assert event.repetition.due_date == date(2026, 11, 21)
    hours = [at.astimezone(BERLIN).hour for at in event.excluded]
    assert hours == ([12, 15] if end.startswith("COUNT") else [15])


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYDAY=MO;BYSETPOS=366",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=10",
    ],
)
def test_a_rule_that_never_happens_is_found_out(rule: str) -> None:
    with pytest.raises(MalformedCalendar, match="line 6: RRULE cannot be used: the rule never"):
        repetition_of(rule)


REPETITIONS = st.one_of(
    st.builds(
        Repetition,
        type=st.sampled_from(["daily", "monthly_number", "yearly"]),
        each=st.integers(1, 20),
    ),
    st.builds(
        Repetition,
        type=st.just("weekly"),
        each=st.integers(1, 5),
        weekly_days=st.sets(st.integers(0, 6)).map(lambda days: tuple(sorted(days))),
    ),
    st.builds(Repetition, type=st.just("monthly_day_weekno"), each=st.integers(1, 13)),
)
STARTS = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)).map(  # noqa: DTZ001 -- wall clocks
    lambda at: at.replace(microsecond=0)
)


@given(repetition=REPETITIONS, local=STARTS, count=st.integers(1, 40))
def test_counts_agree_with_another_program(
    repetition: Repetition, local: datetime, count: int
) -> None:
    """Noon, for the other program lets times vanish that the clocks jump over."""
    local = local.replace(hour=12)
    rule = recur_of(repetition, instant_of(local, BERLIN), zone=BERLIN, all_day=False)
    text = calendar(f"DTSTART;TZID=Europe/Berlin:{local:%Y%m%dT%H%M%S}\nRRULE:{rule};COUNT={count}")
    (event,) = read(text, floating=BERLIN)
    assert event.repetition is not None
    query = recurring_ical_events.of(Calendar.from_ical(text), skip_bad_series=False)
    matches = repetition.type != "weekly" or local.weekday() in (
        repetition.weekly_days or (local.weekday(),)
    )
    if event.repetition.due_date is None or not matches:
        return
    *_, last = (found["DTSTART"].dt for found in islice(query.all(), count))
    assert event.repetition.due_date == last.date()


def test_work_days_are_a_rule_only_when_each_counts() -> None:
    start = datetime(2026, 11, 20, 8, tzinfo=UTC)
    week = Repetition(type="workday", work_days=(6, 3))
    rule = "FREQ=DAILY;BYDAY=SU,MO,TU,WE,TH"
    assert recur_of(week, start, zone=BERLIN, all_day=False) == rule
    second = Repetition(type="workday", each=2)
    assert not recur_of(second, start, zone=BERLIN, all_day=False)
