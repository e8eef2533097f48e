"""The state of an agent by the age of its heartbeat, and what of it is news."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.agents.health import Change, State, change_of_state, changes_of_checks, state_at

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
BEAT = timedelta(seconds=10)
OFFLINE = timedelta(seconds=60)
STATES: list[State] = ["new", "online", "late", "offline"]


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (-5, "online"),
        (0, "online"),
        (30, "online"),
        (30.001, "late"),
        (60, "late"),
        (60.001, "offline"),
        (1e6, "offline"),
    ],
)
def test_the_state_follows_from_the_age(age: float, state: State) -> None:
    heard = NOW - timedelta(seconds=age)
    assert state_at(heard, NOW, beat=BEAT, offline_after=OFFLINE) == state


def test_one_that_was_never_heard_is_new() -> None:
    assert state_at(None, NOW, beat=BEAT, offline_after=OFFLINE) == "new"


def test_slow_heartbeats_may_be_missed_too() -> None:
    heard = NOW - timedelta(minutes=14)
    assert state_at(heard, NOW, beat=timedelta(minutes=5), offline_after=OFFLINE) == "online"


@given(st.lists(st.sampled_from(STATES)))
def test_gone_and_back_are_told_in_turn(states: list[State]) -> None:
    known: State = "new"
    told: State = "new"
    heard: list[str] = []
    for state in states:
        change = change_of_state(known, state, told=told)
        assert (change is None) == (known == state)
        known = state
        if change and change.is_told:
            told = state
            heard.append(state)
    assert heard == [("offline", "online")[place % 2] for place in range(len(heard))]


def test_a_check_is_news_when_it_fails_and_when_it_recovers() -> None:
    told = {"a": True, "b": False, "c": True, "gone": False}
    now = {"a": False, "b": True, "c": True, "well": True, "bad": False}
    assert changes_of_checks(told, now) == [
        Change("check", "a", "ok", "failing", is_told=True),
        Change("check", "b", "failing", "ok", is_told=True),
        Change("check", "bad", None, "failing", is_told=True),
    ]
