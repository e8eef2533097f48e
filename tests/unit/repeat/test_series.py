"""Series in their zones: every window, whatever the clocks do, against dateutil."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st

from notilog.calendar.occurrences import (
    Occurrence,
    Schedule,
    is_occurrence,
    last_occurrence,
    most_between,
    next_occurrence,
    occurrences_between,
    series_end,
    starts_between,
)
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of, local_of
from tests.unit.repeat.series import (
    REPETITIONS,
    RULES,
    SPANS,
    STARTS,
    ZONES,
    at,
    dateutil_starts,
    matched,
    rule_of,
    schedule_in,
)

A_DAY = timedelta(days=1)
DAILY = Repetition(type="daily")
HOURLY = Repetition(type="rrule", rrule="FREQ=HOURLY")
DURATIONS = st.sampled_from(
    [timedelta(), timedelta(minutes=15), timedelta(hours=8), timedelta(days=3, hours=5)]
)
NEAR_CHANGES = st.sampled_from(
    [
        ("Europe/Berlin", at("2026-03-28T02:30")),
        ("Europe/Berlin", at("2026-10-24T02:30")),
        ("America/Sao_Paulo", at("2018-11-03T00:00")),
        ("America/New_York", at("2026-03-07T02:45")),
        ("Australia/Lord_Howe", at("2026-10-03T02:15")),
        ("Pacific/Apia", at("2011-12-28T10:00")),
        ("Pacific/Apia", at("2011-12-29T23:30")),
        ("Pacific/Kwajalein", at("1993-08-19T12:00")),
        ("Pacific/Kwajalein", at("1969-09-28T12:00")),
        ("Africa/Casablanca", at("2026-02-14T02:30")),
        ("Asia/Gaza", at("2040-10-12T01:30")),
    ]
)
PLACES = st.one_of(NEAR_CHANGES, st.tuples(st.sampled_from(ZONES), STARTS))
SERIES = st.one_of(REPETITIONS, RULES)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    zone, start = draw(PLACES)
    repetition = draw(SERIES)
    if repetition.type != "rrule":
        start = matched(start, repetition)
    if draw(st.booleans()):
        repetition = replace(repetition, due_date=start.date() + draw(SPANS))
    if repetition.type != "rrule" and draw(st.booleans()):
        midnight = datetime.combine(start.date(), datetime.min.time())
        days = timedelta(days=draw(st.integers(1, 9)))
        return schedule_in(zone, midnight, repetition, duration=days, all_day=True)
    return schedule_in(zone, start, repetition, duration=draw(DURATIONS))


@settings(deadline=None)
@given(schedule=schedules(), skipped=SPANS, span=SPANS, minutes=st.integers(-2000, 2000))
def test_no_window_loses_or_invents_an_occurrence(
    *, schedule: Schedule, skipped: timedelta, span: timedelta, minutes: int
) -> None:
    if schedule.repetition is not None and schedule.repetition.rrule.startswith(HOURLY.rrule):
        skipped, span = min(skipped, timedelta(days=200)), min(span, timedelta(days=20))
    begin = schedule.starts_at + skipped + timedelta(minutes=minutes)
    end = begin + min(span, timedelta(days=500))
    starts = dateutil_starts(schedule, begin - timedelta(days=15), end)
    assert list(starts_between(schedule, begin, end)) == [s for s in starts if s >= begin]
    touching = [
        Occurrence(start, schedule.end_of(start), start)
        for start in starts
        if schedule.end_of(start) > begin or start >= begin
    ]
    assert list(occurrences_between(schedule, begin, end)) == touching
    assert most_between(schedule, begin, end) >= len(touching)


@settings(deadline=None)
@given(schedule=schedules(), skipped=SPANS, minutes=st.integers(-2000, 2000))
def test_the_next_one_is_the_first_of_all_that_start_later(
    schedule: Schedule, skipped: timedelta, minutes: int
) -> None:
    after = schedule.starts_at + skipped + timedelta(minutes=minutes)
    following = next_occurrence(schedule, after)
    if following is None:
        end = series_end(schedule)
        assert end is not None
        assert end <= after + schedule.duration + 2 * A_DAY
        return
    assert following.start > after
    assert is_occurrence(schedule, following.start)
    assert not is_occurrence(schedule, following.start + timedelta(seconds=1))
    assert list(starts_between(schedule, after + timedelta.resolution, following.start)) == []


@settings(deadline=None)
@given(schedule=schedules(), span=SPANS)
def test_the_last_one_is_that_after_which_there_is_none(
    schedule: Schedule, span: timedelta
) -> None:
    assert schedule.repetition is not None
    due = schedule.start_local.date() + span
    schedule = replace(schedule, repetition=replace(schedule.repetition, due_date=due))
    last = last_occurrence(schedule)
    assert last is not None
    assert series_end(schedule) == last.end
    assert next_occurrence(schedule, last.start) is None
    assert is_occurrence(schedule, last.start)
    if last.start > schedule.starts_at:
        assert next_occurrence(schedule, last.start - timedelta.resolution) == last


@settings(deadline=None)
@given(start=STARTS, repetition=REPETITIONS, zone=st.sampled_from(["UTC", "Europe/Berlin"]))
def test_other_calendars_see_the_same_days(
    start: datetime, repetition: Repetition, zone: str
) -> None:
    repetition = replace(repetition, each=1) if repetition.type == "workday" else repetition
    start = matched(start, repetition)
    schedule = schedule_in(zone, start, repetition)
    event = icalendar.Event()
    event.add("uid", "1")
    event.add("dtstart", start.replace(tzinfo=ZoneInfo(zone)))
    event.add("dtend", start.replace(tzinfo=ZoneInfo(zone)) + timedelta(hours=1))
    event.add("rrule", icalendar.vRecur.from_ical(rule_of(start, repetition)))
    calendar = icalendar.Calendar()
    calendar.add_component(event)
    # Half a day beside the occurrences: at the edge of an hour that comes twice tastes differ.
    begin = schedule.starts_at + timedelta(days=300, hours=12)
    end = begin + timedelta(days=90)
    found = recurring_ical_events.of(calendar).between(begin, end)
    ours = [
        local_of(one.start, schedule.zone).date()
        for one in occurrences_between(schedule, begin, end)
    ]
    assert ours == sorted(local_of(one.start, schedule.zone).date() for one in found)


def starts(schedule: Schedule, begin: str, end: str) -> list[str]:
    return [
        local_of(start, schedule.zone).isoformat(timespec="minutes")
        for start in starts_between(schedule, at(begin), at(end))
    ]


def test_a_time_that_the_clocks_jump_over_comes_after_the_jump() -> None:
    schedule = schedule_in("Europe/Berlin", at("2026-03-01T02:30"), DAILY)
    assert starts(schedule, "2026-03-28T00:00Z", "2026-03-31T00:00Z") == [
        "2026-03-28T02:30",
        "2026-03-29T03:30",
        "2026-03-30T02:30",
    ]
    assert is_occurrence(schedule, at("2026-03-29T01:30Z"))


def test_a_time_that_happens_twice_is_the_first() -> None:
    schedule = schedule_in("Europe/Berlin", at("2026-10-01T02:30"), DAILY)
    assert is_occurrence(schedule, at("2026-10-25T02:30+02:00"))
    assert not is_occurrence(schedule, at("2026-10-25T02:30+01:00"))


def test_a_series_may_begin_at_the_second_of_two_equal_times() -> None:
    second = at("2026-10-25T01:30Z")
    schedule = Schedule(
        at("2026-10-25T02:30"), ZoneInfo("Europe/Berlin"), timedelta(hours=1), False, second, DAILY
    )
    following = at("2026-10-26T02:30+01:00").astimezone(UTC)
    assert list(starts_between(schedule, second - A_DAY, second + A_DAY)) == [second]
    assert next_occurrence(schedule, second) == schedule.occurrence(following)


def test_the_end_is_exact_on_days_of_other_lengths() -> None:
    schedule = schedule_in(
        "Europe/Berlin", at("2026-03-01T22:00"), DAILY, duration=timedelta(hours=8)
    )
    begin = instant_of(at("2026-03-28T22:00"), schedule.zone)
    assert local_of(schedule.end_of(begin), schedule.zone) == at("2026-03-29T07:00")


def test_all_day_occurrences_are_as_long_as_their_days() -> None:
    schedule = schedule_in(
        "Europe/Berlin", at("2026-01-01T00:00"), DAILY, duration=A_DAY, all_day=True
    )
    year = list(occurrences_between(schedule, at("2026-01-01T12:00Z"), at("2026-12-31T12:00Z")))
    lengths = {one.start.date().isoformat(): one.end - one.start for one in year}
    assert len(year) == 365
    assert lengths.pop("2026-03-28") == timedelta(hours=23)
    assert lengths.pop("2026-10-24") == timedelta(hours=25)
    assert set(lengths.values()) == {A_DAY}
    assert all(one.end == following.start for one, following in pairwise(year))


def test_a_day_that_a_zone_left_out_has_no_occurrence_of_its_own() -> None:
    schedule = schedule_in("Pacific/Apia", at("2011-12-01T12:00"), DAILY)
    assert starts(schedule, "2011-12-28T00:00Z", "2012-01-01T00:00Z") == [
        "2011-12-28T12:00",
        "2011-12-29T12:00",
        "2011-12-31T12:00",
        "2012-01-01T12:00",
    ]


def test_hourly_starts_keep_their_order_when_the_clocks_jump() -> None:
    hourly = Repetition(type="rrule", rrule="FREQ=HOURLY;BYMINUTE=15,45")
    schedule = schedule_in("Europe/Berlin", at("2026-03-01T00:15"), hourly)
    assert starts(schedule, "2026-03-29T00:00Z", "2026-03-29T02:30Z") == [
        "2026-03-29T01:15",
        "2026-03-29T01:45",
        "2026-03-29T03:15",
        "2026-03-29T03:45",
        "2026-03-29T04:15",
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"])
@pytest.mark.parametrize("hours", range(0, 80, 3))
def test_wherever_a_window_begins_the_jump_is_the_same(zone: str, hours: int) -> None:
    jumps = {
        "Europe/Berlin": at("2026-03-29T01:00Z"),
        "Australia/Lord_Howe": at("2026-10-03T15:30Z"),
        "Pacific/Apia": at("2011-12-30T10:00Z"),
    }
    often = Repetition(type="rrule", rrule="FREQ=HOURLY;BYMINUTE=0,20,45")
    begin = jumps[zone] - timedelta(hours=hours)
    end = jumps[zone] + timedelta(days=2)
    schedule = schedule_in(zone, local_of(begin - A_DAY, ZoneInfo(zone)), often)
    assert list(starts_between(schedule, begin, end)) == dateutil_starts(schedule, begin, end)


def test_a_start_that_the_rule_does_not_match_is_an_occurrence() -> None:
    mondays = Repetition(type="weekly", weekly_days=(0,))
    friday = schedule_in("UTC", at("2026-11-20T09:00"), mondays)
    assert starts(friday, "2026-11-01T00:00Z", "2026-12-01T00:00Z") == [
        "2026-11-20T09:00",
        "2026-11-23T09:00",
        "2026-11-30T09:00",
    ]


def test_a_due_date_before_the_start_leaves_the_start_alone() -> None:
    ended = replace(DAILY, due_date=date(2026, 11, 1))
    schedule = schedule_in("UTC", at("2026-11-20T09:00"), ended)
    assert last_occurrence(schedule) == schedule.first
    assert next_occurrence(schedule, schedule.starts_at) is None


def test_the_due_date_is_a_date_of_the_zone() -> None:
    ended = replace(DAILY, due_date=date(2026, 11, 22))
    schedule = schedule_in("Pacific/Kiritimati", at("2026-11-20T09:00"), ended)
    last = last_occurrence(schedule)
    assert last is not None
    assert last.start == at("2026-11-21T19:00Z")
    assert last_occurrence(schedule_in("UTC", at("2026-11-20T09:00"), DAILY)) is None
    assert series_end(schedule_in("UTC", at("2026-11-20T09:00"), DAILY)) is None


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "UTC", "Pacific/Kiritimati"])
def test_nothing_overflows_at_the_ends_of_time(zone: str) -> None:
    schedule = schedule_in(
        zone, at("1900-01-01T00:00"), DAILY, duration=timedelta(days=365 * 1000), all_day=True
    )
    beginning, end = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert next(occurrences_between(schedule, beginning, end)) == schedule.first
    assert most_between(schedule, beginning, end) > 401_000
    late = schedule_in(zone, at("2999-12-30T23:30"), DAILY, duration=timedelta(hours=1))
    assert len(list(occurrences_between(late, beginning, end))) == 2
    assert next_occurrence(late, end) is None
    assert not is_occurrence(late, end)
    assert not is_occurrence(late, beginning)


def test_an_event_that_does_not_repeat_is_a_series_of_one() -> None:
    schedule = replace(schedule_in("UTC", at("2026-11-20T09:00"), DAILY), repetition=None)
    begin, end = at("2026-11-20T09:30Z"), at("2026-11-21T00:00Z")
    assert list(occurrences_between(schedule, begin, end)) == [schedule.first]
    assert most_between(schedule, begin, end) == 1
    assert last_occurrence(schedule) == schedule.first
    assert is_occurrence(schedule, schedule.starts_at)
