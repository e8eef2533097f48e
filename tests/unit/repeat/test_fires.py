"""When the reminders of a series fall due: in order, each once, and none is left out."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notilog.calendar.occurrences import (
    Fire,
    Schedule,
    following_fire,
    next_fire,
    starts_between,
)
from notilog.calendar.offsets import Offset, parse
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import local_of
from tests.unit.repeat.series import ZONES, at, schedule_in

HOURLY = Repetition(type="rrule", rrule="FREQ=HOURLY;INTERVAL=1;BYMINUTE=0,20,45")
DAILY = Repetition(type="daily")
OFFSETS = st.sampled_from(["0m", "15m", "2h", "48h", "1d", "2d", "7d"]).map(parse)
CHANGES = st.sampled_from(
    [
        ("Europe/Berlin", at("2026-03-29T01:00Z")),
        ("Europe/Berlin", at("2026-10-25T01:00Z")),
        ("America/New_York", at("2026-03-08T07:00Z")),
        ("Australia/Lord_Howe", at("2026-10-03T15:30Z")),
        ("Australia/Lord_Howe", at("2026-04-04T15:00Z")),
        ("Pacific/Apia", at("2011-12-30T10:00Z")),
        ("Pacific/Kwajalein", at("1993-08-21T12:00Z")),
        *((zone, at("2026-11-20T00:00Z")) for zone in ZONES),
    ]
)


def all_fires(schedule: Schedule, offset: Offset, *, around: datetime) -> list[Fire]:
    """The fires near an instant by going through all starts, with room on both sides."""
    room = timedelta(days=11)
    starts = starts_between(schedule, around - room, around + room)
    fires = [Fire(start, offset.before(start, schedule.zone)) for start in starts]
    return sorted(fires, key=lambda fire: (fire.at, fire.occurrence_start))


@settings(deadline=None)
@given(
    change=CHANGES,
    repetition=st.sampled_from([HOURLY, DAILY]),
    offset=OFFSETS,
    minutes=st.integers(-4000, 4000),
    clock=st.integers(0, 1439),
)
def test_the_next_reminder_is_the_first_of_all(
    *,
    change: tuple[str, datetime],
    repetition: Repetition,
    offset: Offset,
    minutes: int,
    clock: int,
) -> None:
    zone, instant = change
    since = instant + timedelta(minutes=minutes)
    start = at("1990-01-01T00:00") + timedelta(minutes=clock)
    schedule = schedule_in(zone, start, repetition)
    coming = [fire for fire in all_fires(schedule, offset, around=since) if fire.at >= since]
    assert next_fire(schedule, offset, since=since) == coming[0]
    for fire, following in pairwise(coming[:9]):
        found = following_fire(schedule, offset, after=fire)
        assert found == following


def test_days_keep_the_wall_clock_and_hours_are_exact() -> None:
    schedule = schedule_in("Europe/Berlin", at("2026-03-01T09:00"), DAILY)
    since = at("2026-03-28T07:30Z")
    by_day = next_fire(schedule, parse("1d"), since=since)
    by_hours = next_fire(schedule, parse("24h"), since=at("2026-03-28T06:30Z"))
    assert by_day == Fire(at("2026-03-29T07:00Z"), at("2026-03-28T08:00Z"))
    assert by_hours == Fire(at("2026-03-29T07:00Z"), at("2026-03-28T07:00Z"))


def test_reminders_that_the_clocks_jump_over_are_each_given_once() -> None:
    schedule = schedule_in("Europe/Berlin", at("2026-03-01T00:00"), HOURLY)
    fire = next_fire(schedule, parse("1d"), since=at("2026-03-29T01:00Z"))
    walls = []
    for _ in range(8):
        assert fire is not None
        due = local_of(fire.at, schedule.zone)
        start = local_of(fire.occurrence_start, schedule.zone)
        walls.append((f"{due:%H:%M}", f"{start:%H:%M}"))
        fire = following_fire(schedule, parse("1d"), after=fire)
    assert walls == [
        ("03:00", "02:00"),
        ("03:00", "03:00"),
        ("03:20", "02:20"),
        ("03:20", "03:20"),
        ("03:45", "02:45"),
        ("03:45", "03:45"),
        ("04:00", "04:00"),
        ("04:20", "04:20"),
    ]


@pytest.mark.parametrize("text", ["15m", "1d"])
def test_after_the_last_occurrence_there_is_none(text: str) -> None:
    once = Repetition(type="daily", due_date=at("2026-11-20").date())
    schedule = schedule_in("UTC", at("2026-11-20T09:00"), once)
    offset = parse(text)
    fire = next_fire(schedule, offset, since=at("2026-11-01T00:00Z"))
    assert fire == Fire(schedule.starts_at, offset.before(schedule.starts_at, schedule.zone))
    assert fire is not None
    assert following_fire(schedule, offset, after=fire) is None
    assert next_fire(schedule, offset, since=at("2026-11-20T09:00:01Z")) is None
