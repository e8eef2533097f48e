"""How soon a lost connection is tried again."""

import pytest

from notilog.observers.discord.pace import Pace

PACE = Pace()


@pytest.mark.parametrize("failures", range(200))
def test_no_pause_is_longer_than_a_minute(failures: int) -> None:
    """Fact 5: the library's reaches 17 minutes."""
    assert 0 <= PACE.pause(failures, luck=0.0) <= 60
    assert 0 <= PACE.pause(failures, luck=1.0) <= 60


def test_pauses_double_and_luck_takes_up_to_half_away() -> None:
    assert [PACE.pause(one, luck=0.0) for one in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert PACE.pause(3, luck=1.0) == 2


def test_who_was_lost_after_long_comes_back_within_a_second() -> None:
    assert PACE.pause(0, luck=0.0) == 0
    assert PACE.pause(0, luck=1.0) == 1


def test_failures_are_counted_until_a_connection_lasts() -> None:
    assert PACE.failures(3, lasted=29.9) == 4
    assert PACE.failures(3, lasted=30) == 0
