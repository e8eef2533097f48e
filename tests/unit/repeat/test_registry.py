"""What every entry of the registry of repetitions has to keep to."""

import sys
from datetime import datetime, time
from itertools import islice, pairwise
from types import FrameType
from typing import get_args

import pytest

from notilog.calendar.drafts import LATEST_YEAR
from notilog.calendar.occurrences import Schedule, occurrences_between, starts_between
from notilog.calendar.repeat import REPEATS, repeat_of
from notilog.calendar.repeat.local_times import LAST_DAY, first_on_or_after, next_after
from notilog.calendar.repeat.repetition import RepeatType, Repetition
from tests.unit.repeat.series import at, schedule_in

START = at("2016-02-29T09:30")
END = datetime.combine(LAST_DAY, time.max)
EACH = (1, 2, 3, 12, 48)

every_type = pytest.mark.parametrize("kind", REPEATS)


def repetition_of(kind: RepeatType, *, each: int = 1) -> Repetition:
    return Repetition(
        type=kind,
        each=each,
        weekly_days=(0, 3),
        work_days=(6, 3),
        rrule=f"FREQ=DAILY;INTERVAL={each};BYHOUR=9,20" if kind == "rrule" else "",
    )


def test_every_type_has_an_entry() -> None:
    assert set(REPEATS) == set(get_args(RepeatType))


def test_no_series_goes_on_for_longer_than_events_can_last() -> None:
    assert LAST_DAY.year == LATEST_YEAR


@every_type
@pytest.mark.parametrize("each", EACH)
def test_going_from_one_to_the_next_is_the_same_as_asking_for_all(
    kind: RepeatType, each: int
) -> None:
    repeat = repeat_of(START, repetition_of(kind, each=each))
    times = list(islice(repeat.between(START, END), 30))
    assert all(earlier < later for earlier, later in pairwise(times))
    assert (
        times[0] == first_on_or_after(repeat, START) == first_on_or_after(repeat, at("1950-01-01"))
    )
    for earlier, later in pairwise(times):
        assert next_after(repeat, earlier) == later
        assert first_on_or_after(repeat, later) == later
    for begin in range(0, len(times), 7):
        part = times[begin : begin + 7]
        assert list(repeat.between(part[0], part[-1])) == part
        assert repeat.most_between(part[0], part[-1]) >= len(part)


@every_type
def test_the_bound_is_close(kind: RepeatType) -> None:
    repeat = repeat_of(START, repetition_of(kind))
    first, last = at("2026-01-01"), at("2035-12-31")
    count = len(list(repeat.between(first, last)))
    assert count <= repeat.most_between(first, last) <= 5 * count


@every_type
def test_there_is_an_end(kind: RepeatType) -> None:
    repeat = repeat_of(START, repetition_of(kind))
    assert next_after(repeat, at("2999-12-31T23:59")) is None
    assert list(repeat.between(at("1900-01-01"), at("1910-01-01"))) == []
    assert repeat.most_between(at("1900-01-01"), at("1910-01-01")) == 0


@every_type
def test_an_old_series_costs_no_more_than_a_new_one(kind: RepeatType) -> None:
    repetition = repetition_of(kind)
    old = schedule_in("Europe/Berlin", at("1926-03-13T09:30"), repetition)
    new = schedule_in("Europe/Berlin", at("2025-03-13T09:30"), repetition)
    begin, end = at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")
    assert steps_of(old, begin, end) <= steps_of(new, begin, end) * 1.2 + 30


def steps_of(schedule: Schedule, begin: datetime, end: datetime) -> int:
    """How many calls it takes to find the starts of a window, the second time."""
    list(starts_between(schedule, begin, end))
    count = 0

    def step(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(step)
    try:
        list(occurrences_between(schedule, begin, end))
    finally:
        sys.setprofile(None)
    return count
