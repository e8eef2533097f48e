"""When an event happens, and when its reminders fall due."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.calendar.drafts import Changes, Moment, changed_schedule, schedule_of
from notilog.calendar.occurrences import Fire, Schedule, next_fire, next_occurrence
from notilog.calendar.offsets import parse
from notilog.errors import Invalid

at = datetime.fromisoformat
INSTANTS = st.datetimes(
    min_value=at("1971-01-01"), max_value=at("2099-01-01"), timezones=st.just(UTC)
)


def timed(start: str, end: str, timezone: str = "Europe/Berlin") -> Schedule:
    return schedule_of(at(start), at(end), timezone=timezone, all_day=False)


def days(start: Moment, end: Moment, timezone: str = "Europe/Berlin") -> Schedule:
    return schedule_of(start, end, timezone=timezone, all_day=True)


def test_the_wall_clock_of_the_zone_is_kept() -> None:
    schedule = timed("2026-11-20T10:00:00Z", "2026-11-20T11:30:00Z")
    assert schedule.start_local == at("2026-11-20T11:00")
    assert schedule.duration == timedelta(minutes=90)
    assert schedule.first.end == at("2026-11-20T11:30:00Z")


def test_the_second_of_two_equal_wall_times_stays_the_second() -> None:
    second = timed("2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00")
    assert second.start_local == at("2026-10-25T02:30")
    assert second.first.start == at("2026-10-25T01:30:00Z")


def test_the_end_is_the_start_and_the_exact_duration_across_a_change_of_clocks() -> None:
    schedule = timed("2026-10-24T22:00:00+02:00", "2026-10-25T08:00:00+01:00")
    assert schedule.duration == timedelta(hours=11)
    assert schedule.first.end == at("2026-10-25T07:00:00Z")


def test_an_all_day_event_takes_the_days_of_its_zone_however_long() -> None:
    schedule = days(date(2026, 3, 29), date(2026, 3, 30))
    assert schedule.first.start == at("2026-03-29T00:00:00+01:00")
    assert schedule.first.end == at("2026-03-30T00:00:00+02:00")
    assert schedule.first.end - schedule.first.start == timedelta(hours=23)


def test_midnights_of_the_zone_are_dates() -> None:
    assert days(at("2026-03-29T00:00:00+01:00"), at("2026-03-29T22:00:00Z")) == days(
        date(2026, 3, 29), date(2026, 3, 30)
    )


def test_a_day_without_midnight_begins_when_the_clocks_have_changed() -> None:
    schedule = days(date(2018, 11, 4), date(2018, 11, 5), "America/Sao_Paulo")
    assert schedule.first.start == at("2018-11-04T01:00:00-02:00")
    assert schedule.first.end == at("2018-11-05T00:00:00-02:00")


@pytest.mark.parametrize(
    ("start", "end", "all_day", "field"),
    [
        (at("2026-11-20T10:00:00Z"), at("2026-11-20T09:59:59Z"), False, "end_time"),
        (date(2026, 11, 20), at("2026-11-20T10:00:00Z"), False, "start_time"),
        (date(2026, 11, 20), date(2026, 11, 20), True, "end_time"),
        (at("2026-11-20T10:00:00Z"), date(2026, 11, 21), True, "start_time"),
        (at("0001-01-01T00:00:00+14:00"), at("2026-11-20T10:00:00Z"), False, "start_time"),
        (at("2026-11-20T10:00:00Z"), at("9999-12-31T23:59:59-14:00"), False, "end_time"),
        (date(1, 1, 1), date(9999, 12, 31), True, "start_time"),
    ],
)
def test_a_wrong_time_is_refused_by_its_name(
    *, start: Moment, end: Moment, all_day: bool, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        schedule_of(start, end, timezone="Europe/Berlin", all_day=all_day)
    assert refused.value.errors[0].field == field


def test_another_zone_alone_keeps_the_instants() -> None:
    berlin = timed("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z")
    tokyo = changed_schedule(berlin, Changes(timezone="Asia/Tokyo"))
    assert tokyo.first == berlin.first
    assert tokyo.start_local == at("2026-11-20T19:00")


def test_another_zone_alone_keeps_the_dates_of_an_all_day_event() -> None:
    berlin = days(date(2026, 11, 20), date(2026, 11, 22))
    tokyo = changed_schedule(berlin, Changes(timezone="Asia/Tokyo"))
    assert tokyo == days(date(2026, 11, 20), date(2026, 11, 22), "Asia/Tokyo")


def test_an_all_day_event_can_become_a_timed_one_of_the_same_instants() -> None:
    whole = days(date(2026, 11, 20), date(2026, 11, 21))
    assert changed_schedule(whole, Changes(all_day=False)).first == whole.first


def test_a_change_of_nothing_changes_nothing() -> None:
    for schedule in (
        timed("2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"),
        days(date(2026, 3, 29), date(2026, 3, 30)),
    ):
        assert changed_schedule(schedule, Changes()) == schedule


def test_the_next_occurrence_starts_later() -> None:
    schedule = timed("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z")
    start = schedule.starts_at
    assert next_occurrence(schedule, start - timedelta(microseconds=1)) == schedule.first
    assert next_occurrence(schedule, start) is None


@given(
    start=INSTANTS,
    since=INSTANTS,
    near=st.integers(-(10**9), 10**9),
    text=st.from_regex(r"[0-4]?[0-9][mhd]", fullmatch=True),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"]),
)
def test_a_reminder_is_due_when_its_offset_says_unless_that_has_passed(
    *, start: datetime, since: datetime, near: int, text: str, zone: str
) -> None:
    schedule = schedule_of(start, start, timezone=zone, all_day=False)
    offset = parse(text)
    due = offset.before(start, ZoneInfo(zone))
    for moment in (since, due, due + timedelta(microseconds=near)):
        fire = next_fire(schedule, offset, since=moment)
        assert fire == (Fire(start, due) if due >= moment else None)
