"""A receiver that accepts nothing is left alone, asked now and then, and trusted again."""

from datetime import UTC, datetime, timedelta

from notilog.notifications.breaker import LONGEST_PAUSE, Breaker

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def opened(failures: int = 3) -> Breaker:
    made = Breaker(failures)
    assert [made.failed(NOW) for _ in range(failures)] == [False] * (failures - 1) + [True]
    return made


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(3)
    for _ in range(10):
        breaker.failed(NOW)
        breaker.failed(NOW)
        breaker.answered()
    assert breaker.room(NOW, 50) == 50


def test_open_it_lets_nothing_through_and_then_one() -> None:
    breaker = opened()
    assert breaker.room(NOW, 50) == 0
    assert breaker.room(NOW + SECOND, 50) == 1
    breaker.probes()
    assert breaker.room(NOW + SECOND, 50) == 0


def test_failures_of_what_was_on_its_way_do_not_lengthen_the_pause() -> None:
    breaker = opened()
    until = breaker.until
    assert not breaker.failed(NOW + SECOND / 2)
    assert breaker.until == until


def test_pauses_grow_up_to_a_limit() -> None:
    breaker, now, pauses = opened(), NOW, []
    for _ in range(12):
        assert breaker.until is not None
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker.probes()
        assert breaker.failed(now)
    assert pauses[:4] == [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND]
    assert max(pauses) == LONGEST_PAUSE


def test_the_receiver_may_ask_for_a_longer_pause_within_reason() -> None:
    breaker = Breaker(1)
    breaker.failed(NOW, retry_after=20)
    assert breaker.until == NOW + 20 * SECOND
    breaker = Breaker(1)
    breaker.failed(NOW, retry_after=86400)
    assert breaker.until == NOW + LONGEST_PAUSE


def test_an_answer_to_the_probe_closes_it() -> None:
    breaker = opened()
    breaker.probes()
    breaker.answered()
    assert breaker.room(NOW, 50) == 50
    assert not breaker.failed(NOW)


def test_a_probe_that_was_given_back_is_followed_by_another() -> None:
    breaker = opened()
    breaker.probes()
    breaker.given_back()
    assert breaker.room(NOW + SECOND, 50) == 1
