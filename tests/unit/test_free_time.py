"""The nearest time at which all are free, and the reason when there is none."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notilog.calendar.free_time import Free, Person, Reason, nearest_free
from notilog.calendar.intervals import Interval
from notilog.calendar.occurrences import Occurrence
from notilog.calendar.work_hours import WorkDays, outside_each
from notilog.errors import Invalid

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
TODAY = Interval(MONDAY, MONDAY + DAY)
Hours = list[tuple[float, float]]


def of(hours: Hours) -> list[Interval]:
    return [Interval(MONDAY + start * HOUR, MONDAY + end * HOUR) for start, end in hours]


def person(login: str, busy: Hours | None = None, work: tuple[float, float] = (0, 24)) -> Person:
    """Somebody at work between two hours of Monday."""
    return Person(login, of(busy or []), of([(0, work[0]), (work[1], 24)]))


def found(answer: Free | Reason) -> tuple[float, float]:
    assert isinstance(answer, Free)
    return (answer.start - MONDAY) / HOUR, (answer.end - MONDAY) / HOUR


def reason(answer: Free | Reason) -> Reason:
    assert isinstance(answer, Reason)
    return answer


def test_the_first_time_at_which_all_are_free() -> None:
    people = [person("ann", [(9, 10), (11, 12)], (9, 17)), person("ben", [(12, 13)], (8, 16))]
    assert found(nearest_free(people, HOUR, window=TODAY)) == (10, 11)
    assert found(nearest_free(people, 2 * HOUR, window=TODAY)) == (13, 15)


def test_it_fits_exactly_between_events_that_touch_it() -> None:
    people = [person("ann", [(0, 10), (11, 24)])]
    assert found(nearest_free(people, HOUR, window=TODAY)) == (10, 11)
    assert isinstance(nearest_free(people, HOUR + QUARTER, window=TODAY), Reason)


def test_it_does_not_leave_the_window() -> None:
    window = Interval(MONDAY + 9.5 * HOUR, MONDAY + 12 * HOUR)
    assert found(nearest_free([person("ann")], HOUR, window=window)) == (9.5, 10.5)
    assert isinstance(nearest_free([person("ann", [(10, 11.5)])], HOUR, window=window), Reason)
    assert found(nearest_free([person("ann")], 2.5 * HOUR, window=window)) == (9.5, 12)


def test_events_may_be_in_any_order_overlap_and_be_occurrences() -> None:
    events = [Occurrence(event.start, event.end, event.start) for event in of([(5, 9), (0, 6)])]
    assert found(nearest_free([Person("ann", events)], HOUR, window=TODAY)) == (9, 10)


def test_an_event_that_takes_no_time_is_in_nobodys_way() -> None:
    people = [person("ann", [(0.5, 0.5)])]
    assert found(nearest_free(people, HOUR, window=TODAY)) == (0, 1)
    assert found(nearest_free(people, HOUR, window=TODAY, buffer=HOUR)) == (0, 1)


def test_the_buffer_is_free_before_and_after() -> None:
    people = [person("ann", [(9, 10), (11.5, 12), (14, 15)], (9, 17))]
    assert found(nearest_free(people, HOUR, window=TODAY)) == (10, 11)
    assert found(nearest_free(people, HOUR, window=TODAY, buffer=QUARTER)) == (10.25, 11.25)
    assert found(nearest_free(people, HOUR, window=TODAY, buffer=HOUR / 2)) == (12.5, 13.5)


def test_the_buffer_may_lie_outside_work_hours() -> None:
    people = [person("ann", [], (9, 10))]
    assert found(nearest_free(people, HOUR, window=TODAY, buffer=HOUR)) == (9, 10)


def test_the_buffer_keeps_away_from_events_outside_work_hours_and_the_window() -> None:
    people = [person("ann", [(-2, 0), (7, 8.75)], (9, 12)), person("ben", [(24, 25)])]
    assert found(nearest_free(people, HOUR, window=TODAY, buffer=HOUR)) == (9.75, 10.75)
    nights = [Person("ann", of([(-2, 0), (24, 25)]))]
    assert found(nearest_free(nights, 22 * HOUR, window=TODAY, buffer=HOUR)) == (1, 23)
    assert isinstance(nearest_free(nights, 22.5 * HOUR, window=TODAY, buffer=HOUR), Reason)


def test_no_common_work_hours() -> None:
    people = [person("ann", [(9, 17)], (9, 13)), person("ben", [], (13, 17))]
    why = reason(nearest_free(people, HOUR, window=TODAY))
    assert (why.code, why.login, why.common) == ("no_common_work_hours", None, timedelta())
    assert "change somebody's work hours" in why.sentence


def test_common_work_hours_that_are_too_short() -> None:
    people = [person("ann", [], (9, 14)), person("ben", [], (12.5, 17))]
    why = reason(nearest_free(people, 2 * HOUR, window=TODAY))
    assert (why.code, why.login, why.common) == ("work_hours_too_short", None, 1.5 * HOUR)
    assert "at most 1 h 30 min at a time, which is less than 2 h" in why.sentence


def test_who_blocks_most_by_time_at_work() -> None:
    # Ben's night takes longer than all of Ann's events, but nobody would meet at night.
    people = [
        person("ann", [(9, 10), (10.5, 12)], (9, 13)),
        person("ben", [(0, 9), (12, 13), (12, 12.5)]),
    ]
    why = reason(nearest_free(people, HOUR, window=TODAY))
    assert (why.code, why.login, why.taken, why.common) == ("busy", "ann", 2.5 * HOUR, 4 * HOUR)
    assert "The events of ann take most: 2 h 30 min of the 4 h" in why.sentence
    assert "go without ann" in why.sentence


def test_who_blocks_only_time_that_is_too_short_blocks_nothing() -> None:
    people = [person("ann", [(9, 10)]), person("ben", [(13, 14)])]
    lunch = of([(0, 9), (10, 13), (15, 24)])
    people = [Person(one.login, one.busy, lunch) for one in people]
    why = reason(nearest_free(people, 2 * HOUR, window=TODAY))
    assert (why.login, why.taken, why.common) == ("ben", HOUR, 2 * HOUR)


def test_the_buffer_blocks_too() -> None:
    people = [person("ann", [(1, 1.5)], (0, 2)), person("ben", [(1, 1.75)], (0, 2))]
    why = reason(nearest_free(people, HOUR, window=TODAY, buffer=HOUR / 2))
    assert (why.login, why.taken, why.common) == ("ann", 1.5 * HOUR, 2 * HOUR)
    assert "events and the buffers around them" in why.sentence


def test_of_equals_the_first_by_login_blocks_most() -> None:
    people = [person("ben", [(0, 24)]), person("ann", [(0, 24)]), person("cat", [(0, 24)])]
    assert reason(nearest_free(people, HOUR, window=TODAY)).login == "ann"


@pytest.mark.parametrize(
    ("field", "duration", "window", "buffer"),
    [
        ("duration", timedelta(), TODAY, timedelta()),
        ("duration", -HOUR, TODAY, timedelta()),
        ("buffer", HOUR, TODAY, -QUARTER),
        ("until", DAY + QUARTER, TODAY, timedelta()),
        ("until", HOUR, Interval(MONDAY, MONDAY - DAY), timedelta()),
    ],
)
def test_what_makes_no_sense_is_refused(
    field: str, duration: timedelta, window: Interval, buffer: timedelta
) -> None:
    with pytest.raises(Invalid, match=field):
        nearest_free([person("ann")], duration, window=window, buffer=buffer)


def test_500_people_in_many_zones() -> None:
    month = Interval(MONDAY, MONDAY + 30 * DAY)
    zones = [ZoneInfo(name) for name in ("Europe/Lisbon", "Europe/Berlin", "Europe/Helsinki")]
    office = WorkDays.stored(
        {"day_from": "mon", "day_to": "fri", "time_from": "09:00", "time_to": "17:00"}
    )
    beyond = outside_each(
        {f"p{number:03}": (office, zones[number % 3]) for number in range(500)}, window=month
    )
    # They are all at work from 9 to 15 in UTC; each takes a minute, one after the other.
    minutes = [
        [(day * 24 + 9 + number / 60, day * 24 + 9 + (number + 1) / 60) for day in range(28)]
        for number in range(500)
    ]
    people = [
        Person(login, of(busy), beyond[login]) for login, busy in zip(beyond, minutes, strict=True)
    ]
    assert found(nearest_free(people, HOUR, window=month)) == (28 * 24 + 9, 28 * 24 + 10)
    why = reason(nearest_free(people, HOUR, window=Interval(MONDAY, MONDAY + 28 * DAY)))
    assert (why.login, why.common) == ("p000", 20 * 6 * HOUR)
    assert why.taken == timedelta(minutes=20)


CELLS = 48
RUNS = st.lists(
    st.tuples(st.integers(-6, CELLS + 6), st.integers(0, 16)).map(
        lambda run: range(run[0], run[0] + run[1])
    ),
    max_size=4,
)
SOMEBODY = st.tuples(RUNS, RUNS)


def spans(runs: list[range]) -> list[Interval]:
    return [Interval(MONDAY + run.start * QUARTER, MONDAY + run.stop * QUARTER) for run in runs]


def cells(runs: list[range]) -> set[int]:
    return {cell for run in runs for cell in run}


def tried(
    people: list[tuple[list[range], list[range]]], long: int, buffer: int
) -> tuple[int | None, list[int], set[int]]:
    """The oracle tries every quarter of an hour.

    Gives the first that does, how many cells each person blocks, and all that anybody could.
    """
    busy = [cells(events) for events, _ in people]
    away = set().union(*(cells(hours) for _, hours in people))
    starts = [
        start for start in range(CELLS - long + 1) if away.isdisjoint(range(start, start + long))
    ]
    usable = {cell for start in starts for cell in range(start, start + long)}
    for start in starts:
        around = range(start - buffer, start + long + buffer)
        if all(theirs.isdisjoint(around) for theirs in busy):
            return start, [], usable
    near = [{cell + more for cell in b for more in range(-buffer, buffer + 1)} for b in busy]
    return None, [len(theirs & usable) for theirs in near], usable


@settings(deadline=None, max_examples=120)
@given(
    people=st.lists(SOMEBODY, min_size=1, max_size=5),
    long=st.integers(1, 12),
    buffer=st.integers(0, 3),
)
def test_no_earlier_time_would_do_and_the_reason_holds(
    people: list[tuple[list[range], list[range]]], long: int, buffer: int
) -> None:
    start, blocked, usable = tried(people, long, buffer)
    answer = nearest_free(
        [
            Person(f"p{number}", spans(events), spans(hours))
            for number, (events, hours) in enumerate(people)
        ],
        long * QUARTER,
        window=Interval(MONDAY, MONDAY + CELLS * QUARTER),
        buffer=buffer * QUARTER,
    )
    if start is not None:
        first = MONDAY + start * QUARTER
        assert answer == Free(first, first + long * QUARTER)
        return
    why = reason(answer)
    if not usable:
        all_away = set().union(*(cells(hours) for _, hours in people)) >= set(range(CELLS))
        assert why.code == ("no_common_work_hours" if all_away else "work_hours_too_short")
        return
    assert (why.code, why.common) == ("busy", len(usable) * QUARTER)
    assert why.taken == max(blocked) * QUARTER
    assert why.login == f"p{blocked.index(max(blocked))}"
