"""How often, when and to whom an incident is told that nobody acknowledges."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.incidents.escalation import (
    Policy,
    Severity,
    concerns_administrators,
    gravest,
    held,
    next_at,
    quiet_at,
    reopens_until,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = Policy((5 * MINUTE, 15 * MINUTE), repeats=2, administrators_from=3, quiet=60 * MINUTE)

WAITS = st.lists(st.integers(1, 10_000).map(lambda n: n * MINUTE), max_size=5).map(tuple)
POLICIES = st.builds(
    Policy,
    waits=WAITS,
    repeats=st.integers(0, 10),
    administrators_from=st.integers(0, 8),
    quiet=st.none() | st.just(60 * MINUTE),
)
GRAVE: st.SearchStrategy[Severity] = st.sampled_from(["warning", "critical"])


def minutes_of_steps(policy: Policy, severity: Severity = "critical") -> list[int]:
    """After how many minutes each step is taken, when each is taken as soon as it is due."""
    told: list[int] = []
    due = next_at(policy, severity, step=0, now=NOW)
    while due is not None:
        told.append((due - NOW) // MINUTE)
        due = next_at(policy, severity, step=len(told), now=due)
    return told


def test_the_last_wait_is_used_again_as_often_as_it_may() -> None:
    assert minutes_of_steps(POLICY) == [0, 5, 20, 35, 50]
    assert minutes_of_steps(Policy((), repeats=5, administrators_from=0, quiet=None)) == [0]


def test_what_is_only_for_information_is_told_once() -> None:
    assert minutes_of_steps(POLICY, "info") == [0]


def test_after_downtime_steps_do_not_come_in_a_row() -> None:
    late = NOW + timedelta(hours=5)
    assert next_at(POLICY, "critical", step=2, now=late) == late + 15 * MINUTE


@pytest.mark.parametrize(("step", "are_told"), [(1, False), (2, False), (3, True), (9, True)])
def test_administrators_hear_from_a_step_on(step: int, are_told: bool) -> None:  # noqa: FBT001
    assert concerns_administrators(POLICY, step) is are_told


def test_a_silence_holds_what_is_due_before_its_end() -> None:
    assert held(NOW, until=NOW + MINUTE) == NOW + MINUTE
    assert held(NOW + 2 * MINUTE, until=NOW + MINUTE) == NOW + 2 * MINUTE
    assert held(None, until=NOW) is None


def test_what_lasts_is_not_over_because_it_is_quiet() -> None:
    assert quiet_at(POLICY, NOW, lasts=False) == NOW + 60 * MINUTE
    assert quiet_at(POLICY, NOW, lasts=True) is None
    assert quiet_at(Policy((), 0, 0, None), NOW, lasts=False) is None


def test_what_is_over_goes_on_for_a_while() -> None:
    policy = replace(POLICY, reopen=10 * MINUTE)
    assert reopens_until(policy, NOW) == NOW + 10 * MINUTE
    assert reopens_until(POLICY, NOW) is None


def test_the_gravest_of_several() -> None:
    assert gravest("info", "critical", "warning") == "critical"
    assert gravest("warning", "info") == "warning"
    assert gravest("info") == "info"


@given(policy=POLICIES, severity=GRAVE)
def test_every_escalation_rises_and_ends(policy: Policy, severity: Severity) -> None:
    told = minutes_of_steps(policy, severity)
    assert len(told) == policy.last_step
    assert told == sorted(set(told))
    waits = [wait // MINUTE for wait in policy.waits]
    gaps = [after - before for before, after in pairwise(told)]
    assert gaps == (waits + waits[-1:] * policy.repeats if waits else [])


@given(policy=POLICIES)
def test_once_administrators_are_told_they_are_told_each_time(policy: Policy) -> None:
    told = [concerns_administrators(policy, step) for step in range(1, policy.last_step + 1)]
    assert told == sorted(told)
