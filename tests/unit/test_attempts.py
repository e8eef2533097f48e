"""When a failed delivery is tried again, and when it is given up."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.errors import SendFailed
from notilog.notifications.attempts import DeliveriesSettings, Outcome, delay, failed

RULES = DeliveriesSettings()
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def after(
    failure: SendFailed, *, attempts: int = 1, luck: float = 1.0, wanted_at: datetime = NOW
) -> Outcome:
    return failed(
        uuid4(),
        NOW,
        failure=failure,
        attempts=attempts,
        wanted_at=wanted_at,
        now=NOW,
        luck=luck,
        rules=RULES,
    )


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600)]
)
def test_the_ceiling_of_the_delay_doubles_up_to_the_cap(attempts: int, seconds: float) -> None:
    assert delay(attempts, None, luck=1.0, rules=RULES) == seconds


@given(attempts=st.integers(1, 100), luck=st.floats(0, 1))
def test_jitter_spreads_the_delay_from_nothing_to_the_ceiling(attempts: int, luck: float) -> None:
    assert 0 <= delay(attempts, None, luck=luck, rules=RULES) <= RULES.retry_cap


@given(luck=st.floats(0, 1), asked=st.floats(0, 86400))
def test_never_earlier_than_the_receiver_asked(luck: float, asked: float) -> None:
    assert delay(1, asked, luck=luck, rules=RULES) >= asked


def test_a_temporary_failure_waits() -> None:
    outcome = after(SendFailed("busy", retry_after=60), luck=0.5)
    assert (outcome.status, outcome.error) == ("pending", "busy")
    assert outcome.attempt_at == NOW + timedelta(seconds=62.5)


def test_a_permanent_failure_is_dead_at_once() -> None:
    assert after(SendFailed("no such mailbox", permanent=True)).status == "dead"


def test_the_last_attempt_is_dead() -> None:
    failure = SendFailed("busy")
    assert after(failure, attempts=RULES.max_attempts - 1).status == "pending"
    assert after(failure, attempts=RULES.max_attempts).status == "dead"


def test_an_error_is_kept_in_one_printable_line() -> None:
    error = after(SendFailed("550 no\r\nX-Injected: \x00\ud800" + "x" * 1000)).error
    assert error is not None
    assert error.startswith("550 no  X-Injected:   xxx")
    assert error.isprintable()
    assert len(error) == 500


def test_what_a_receiver_has_no_room_for_is_no_attempt_for_a_day() -> None:
    failure = SendFailed("slow down", throttled=True, retry_after=60)
    last = RULES.max_attempts
    outcome = after(failure, attempts=last, luck=0)
    assert (outcome.status, outcome.tried) == ("pending", False)
    assert outcome.attempt_at == NOW + timedelta(seconds=60)
    yesterday = NOW - timedelta(days=1)
    assert after(failure, attempts=last, wanted_at=yesterday).status == "dead"
