"""Half-open intervals: joined, shared, and what they leave."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.calendar.intervals import Interval, common, gaps, merged, total

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LENGTH = 60
Pair = tuple[int, int]
PAIRS = st.lists(st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)), max_size=12)


def of(pairs: list[Pair]) -> list[Interval]:
    return [Interval(MIDNIGHT + start * MINUTE, MIDNIGHT + end * MINUTE) for start, end in pairs]


def minutes(pairs: list[Pair]) -> set[int]:
    """The oracle: every minute in one of them, from the start up to, not including, the end."""
    return {minute for start, end in pairs for minute in range(start, end)}


def shown(intervals: list[Interval]) -> list[Pair]:
    return [
        ((interval.start - MIDNIGHT) // MINUTE, (interval.end - MIDNIGHT) // MINUTE)
        for interval in intervals
    ]


def runs(chosen: set[int]) -> list[Pair]:
    """The minutes as the longest runs, in order."""
    starts = sorted(minute for minute in chosen if minute - 1 not in chosen)
    ends = sorted(minute + 1 for minute in chosen if minute + 1 not in chosen)
    return list(zip(starts, ends, strict=True))


@pytest.mark.parametrize(
    ("pairs", "joined"),
    [
        ([], []),
        ([(0, 10)], [(0, 10)]),
        ([(10, 20), (0, 10)], [(0, 20)]),
        ([(0, 10), (11, 20)], [(0, 10), (11, 20)]),
        ([(0, 30), (5, 10), (20, 40)], [(0, 40)]),
        ([(5, 5), (0, 3), (9, 7)], [(0, 3)]),
    ],
)
def test_spans_that_touch_or_overlap_become_one(pairs: list[Pair], joined: list[Pair]) -> None:
    assert shown(merged(of(pairs))) == joined


def test_intervals_that_touch_share_no_time() -> None:
    assert common(of([(0, 10)]), of([(10, 20)])) == []


def test_what_is_left_begins_where_the_other_ends() -> None:
    (window,) = of([(5, 30)])
    assert shown(list(gaps(of([(0, 10), (20, 25)]), window))) == [(10, 20), (25, 30)]
    assert list(gaps(of([(0, 40)]), window)) == []
    assert list(gaps([], window)) == [window]
    assert list(gaps([], Interval(MIDNIGHT, MIDNIGHT))) == []


@given(PAIRS)
def test_merging_keeps_the_time_and_nothing_touches(pairs: list[Pair]) -> None:
    joined = merged(of(pairs))
    assert shown(joined) == runs(minutes(pairs))
    assert total(joined) == len(minutes(pairs)) * MINUTE


@given(PAIRS, PAIRS)
def test_common_time_is_in_both(one: list[Pair], other: list[Pair]) -> None:
    shared = common(merged(of(one)), merged(of(other)))
    assert shown(shared) == runs(minutes(one) & minutes(other))


@given(PAIRS, st.integers(0, LENGTH), st.integers(0, LENGTH))
def test_gaps_are_the_rest_of_the_window(pairs: list[Pair], start: int, end: int) -> None:
    (window,) = of([(start, end)])
    left = list(gaps(merged(of(pairs)), window))
    assert shown(left) == runs(minutes([(start, end)]) - minutes(pairs))
