"""When there is something to say: once at first, then how many more; what is missing, once."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.logs.alerts.counting import (
    FORGOTTEN_AFTER,
    SLICES,
    State,
    Verdict,
    advance,
    begin,
    tick,
)
from notilog.logs.alerts.matching import Rule
from tests.unit.alerts.lines import BEGIN, rule

LINE = {"message": "m"}
FAR = BEGIN + timedelta(days=30)
Told = list[tuple[str, int, float]]
"""What was said, how many, and how many seconds after the begin."""

gaps = st.lists(
    st.tuples(st.integers(0, 400).map(lambda n: n / 4), st.integers(1, 12)), max_size=30
)
"""Seconds since the one before, and how many matched."""
rules = st.builds(
    lambda count, within, cooldown: rule(
        count=count, within_seconds=within, cooldown_seconds=cooldown
    ),
    st.integers(1, 10),
    st.integers(1, 120),
    st.integers(1, 300),
)
silences = st.builds(
    lambda count, within, cooldown: rule(
        kind="absence", count=count, within_seconds=within, cooldown_seconds=cooldown
    ),
    st.integers(1, 5),
    st.integers(1, 120),
    st.integers(1, 300),
)


def moments(steps: list[tuple[float, int]]) -> list[tuple[datetime, int]]:
    found, at = [], BEGIN
    for gap, matched in steps:
        at += timedelta(seconds=gap)
        found.append((at, matched))
    return found


def played(
    tried: Rule,
    steps: list[tuple[datetime, int]],
    *,
    until: datetime = FAR,
    state: State | None = None,
) -> list[Verdict]:
    told: list[Verdict] = []
    for at, matched in steps:
        state, said = advance(state, tried, matched=matched, line=LINE, now=at)
        told += said
    if state is not None:
        told += tick(state, tried, until)[1]
    return told


def short(told: list[Verdict]) -> Told:
    return [(one.said, one.count, (one.at - BEGIN).total_seconds()) for one in told]


def at(*seconds: float) -> list[tuple[datetime, int]]:
    return [(BEGIN + timedelta(seconds=second), 1) for second in seconds]


def test_the_first_is_told_at_once_and_the_others_are_counted() -> None:
    tried = rule(cooldown_seconds=60)
    assert short(played(tried, at(0))) == [("matched", 1, 0)]
    assert short(played(tried, at(0, 1, 59))) == [("matched", 1, 0), ("more", 2, 60)]
    # Another begins: nothing was said for as long as the rule wants.
    assert short(played(tried, at(0, 60))) == [("matched", 1, 0), ("matched", 1, 60)]


def test_what_goes_on_is_told_once_in_each_cool_down() -> None:
    told = played(rule(cooldown_seconds=60), at(*range(181)))
    assert short(told) == [
        ("matched", 1, 0),
        ("more", 59, 60),
        ("more", 60, 120),
        ("more", 60, 180),
        ("more", 1, 240),
    ]
    assert told[1].since == BEGIN


def test_ten_thousand_in_a_minute_are_two_messages() -> None:
    steps = [(BEGIN + timedelta(seconds=n * 0.6), 100) for n in range(100)]
    told = short(played(rule(cooldown_seconds=300), steps))
    assert told == [("matched", 1, 0), ("more", 9999, 300)]


def test_a_count_within_a_window() -> None:
    tried = rule(count=3, within_seconds=60, cooldown_seconds=600)
    assert short(played(tried, at(0, 30, 60))) == []
    assert short(played(tried, at(0, 30, 57))) == [("matched", 3, 57)]
    assert short(played(tried, at(0, 30, 80, 85))) == [("matched", 3, 85)]
    assert short(played(tried, at(0, 1, 2, 3))) == [("matched", 3, 2), ("more", 1, 602)]


def test_fewer_than_enough_after_a_message_begin_no_new_cool_down() -> None:
    tried = rule(count=3, within_seconds=60, cooldown_seconds=60)
    told = short(played(tried, at(0, 1, 2, 50, 70)))
    assert told == [("matched", 3, 2), ("more", 1, 62)]
    told = short(played(tried, at(0, 1, 2, 50, 51, 52, 70)))
    assert told == [("matched", 3, 2), ("more", 3, 62), ("more", 1, 122)]


def test_what_does_not_come_is_told_once_and_so_is_its_return() -> None:
    tried = rule(kind="absence", within_seconds=60, cooldown_seconds=1)
    waiting = begin(tried, BEGIN)
    assert short(played(tried, [], state=waiting)) == [("missing", 1, 60)]
    told = short(
        played(tried, at(10, 50, 500, 501), state=waiting, until=BEGIN + timedelta(seconds=502))
    )
    assert [(said, count) for said, count, _ in told] == [("missing", 1), ("back", 1)]
    assert 107 <= told[0][2] <= 110
    assert told[1][2] == 500


def test_a_group_that_stays_away_is_forgotten_but_not_the_whole() -> None:
    hosts = rule(kind="absence", within_seconds=60, group_by=["host"])
    state, _ = advance(None, hosts, matched=1, line=LINE, now=BEGIN)
    assert tick(state, hosts, BEGIN + FORGOTTEN_AFTER)[0] is not None
    assert tick(state, hosts, FAR)[0] is None
    whole = rule(kind="absence", within_seconds=60)
    assert tick(begin(whole, BEGIN), whole, FAR)[0] is not None


def test_a_group_without_anything_left_is_forgotten() -> None:
    tried = rule(count=2, within_seconds=60, cooldown_seconds=10)
    state, _ = advance(None, tried, matched=1, line=LINE, now=BEGIN)
    assert tick(state, tried, BEGIN + timedelta(seconds=56))[0] is not None
    assert tick(state, tried, BEGIN + timedelta(seconds=60))[0] is None


@given(tried=st.one_of(rules, silences), steps=gaps)
def test_many_at_once_are_the_same_as_each_by_itself(
    tried: Rule, steps: list[tuple[float, int]]
) -> None:
    together, apart = begin(tried, BEGIN), begin(tried, BEGIN)
    for moment, matched in moments(steps):
        together, told = advance(together, tried, matched=matched, line=LINE, now=moment)
        told_apart: list[Verdict] = []
        for _ in range(matched):
            apart, said = advance(apart, tried, matched=1, line=LINE, now=moment)
            told_apart += said
        assert told_apart == list(told)
        assert apart == together


@given(
    tried=st.one_of(rules, silences),
    steps=gaps,
    looks=st.lists(st.integers(0, 4000).map(lambda n: n / 4), max_size=20),
)
def test_what_is_said_does_not_depend_on_who_looks(
    tried: Rule, steps: list[tuple[float, int]], looks: list[float]
) -> None:
    events: list[tuple[datetime, int]] = [
        *moments(steps),
        *((BEGIN + timedelta(seconds=look), 0) for look in looks),
    ]
    watched: list[Verdict] = []
    state: State | None = begin(tried, BEGIN)
    for moment, matched in sorted(events, key=lambda event: event[0]):
        said: tuple[Verdict, ...] = ()
        if matched:
            state, said = advance(state, tried, matched=matched, line=LINE, now=moment)
        elif state is not None:
            state, said = tick(state, tried, moment)
        watched += said
    if state is not None:
        watched += tick(state, tried, FAR)[1]
    assert watched == played(tried, moments(steps), state=begin(tried, BEGIN))


@given(cooldown=st.integers(1, 300), steps=gaps)
def test_every_match_is_told_of_once(cooldown: int, steps: list[tuple[float, int]]) -> None:
    told = played(rule(cooldown_seconds=cooldown), moments(steps))
    assert sum(one.count for one in told) == sum(matched for _, matched in steps)


@given(tried=rules, steps=gaps)
def test_messages_of_a_group_keep_their_distance(
    tried: Rule, steps: list[tuple[float, int]]
) -> None:
    told = played(tried, moments(steps))
    firsts = [one.at for one in told if one.said == "matched"]
    assert all(b - a >= tried.cooldown for a, b in pairwise(firsts))
    times = [one.at for one in told]
    assert times == sorted(times)
    assert all(c - a >= tried.cooldown for a, c in zip(times, times[2:], strict=False))


@given(tried=rules, steps=gaps)
def test_only_enough_within_the_window_are_told(
    tried: Rule, steps: list[tuple[float, int]]
) -> None:
    known = moments(steps)
    assert tried.within is not None
    first = next(iter(played(tried, known)), None)
    for moment, _ in known:
        if first is not None and moment > first.at:
            break
        sure = tried.within * (SLICES - 1) / SLICES
        enough = sum(n for t, n in known if moment - sure <= t <= moment) >= tried.count
        assert not enough or (first is not None and first.at <= moment)
    if first is not None:
        possible = sum(n for t, n in known if first.at - tried.within < t <= first.at)
        assert possible >= tried.count


@given(tried=silences, steps=gaps)
def test_missing_and_back_take_turns_and_are_true(
    tried: Rule, steps: list[tuple[float, int]]
) -> None:
    known = moments(steps)
    assert tried.within is not None
    told = played(tried, known, state=begin(tried, BEGIN))
    assert [one.said for one in told] == ["missing", "back"] * (len(told) // 2) + ["missing"] * (
        len(told) % 2
    )
    assert told[-1:] == [] or told[-1].said == "missing"
    sure = tried.within * (SLICES - 1) / SLICES
    for one in told:
        if one.said == "missing":
            assert sum(n for t, n in known if one.at - sure < t < one.at) < tried.count
            assert one.at - BEGIN >= tried.within
        else:
            assert sum(n for t, n in known if one.at - tried.within < t <= one.at) >= tried.count


@pytest.mark.parametrize("late", [1, 100, 10_000])
def test_a_batch_that_comes_late_counts_as_now(late: float) -> None:
    tried = rule(cooldown_seconds=60)
    state, told = advance(None, tried, matched=1, line=LINE, now=BEGIN)
    state, later = advance(state, tried, matched=2, line=LINE, now=BEGIN - timedelta(seconds=late))
    assert (len(told), later, state.suppressed, state.at) == (1, (), 2, BEGIN)
