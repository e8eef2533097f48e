"""Slots of a bucket: never too many in a second, never one twice, in order after a pause."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.notifications.buckets import SECOND, TICKET_KEPT, Bucket

NOW = 1_000_000 * SECOND


def slots(bucket: Bucket, count: int, *, burst: int = 1, now: int = NOW) -> list[int]:
    """Seconds from now of the next reservations, at one a second."""
    found = (bucket.reserve(now, interval=SECOND, burst=burst) for _ in range(count))
    return [slot // SECOND for slot in found]


def test_one_a_second() -> None:
    assert slots(Bucket(), 4) == [0, 1, 2, 3]


def test_a_burst_and_then_one_a_second() -> None:
    bucket = Bucket()
    assert slots(bucket, 5, burst=3) == [0, 0, 0, 1, 2]
    assert slots(bucket, 4, burst=3, now=NOW + 60 * SECOND) == [0, 0, 0, 1]


@given(st.lists(st.integers(0, 3 * SECOND), max_size=50), st.integers(1, 5))
def test_no_second_holds_more_than_is_allowed(steps: list[int], burst: int) -> None:
    bucket, now, given = Bucket(), NOW, []
    for step in steps:
        now += step
        given.append(now + bucket.reserve(now, interval=SECOND // 3, burst=burst))
    given.sort()
    for first, last in zip(given, given[burst:], strict=False):
        assert last - first >= SECOND // 3


def test_a_ticket_keeps_its_slot_and_is_good_once() -> None:
    bucket = Bucket()
    slots(bucket, 2)
    assert bucket.reserve(NOW, interval=SECOND, burst=1, ticket="a") == 2 * SECOND
    assert bucket.reserve(NOW + SECOND, interval=SECOND, burst=1, ticket="a") == SECOND
    assert bucket.reserve(NOW + 2 * SECOND, interval=SECOND, burst=1, ticket="a") == 0
    assert bucket.reserve(NOW + 2 * SECOND, interval=SECOND, burst=1, ticket="a") == SECOND


def test_who_goes_at_once_holds_no_ticket() -> None:
    bucket = Bucket()
    assert bucket.reserve(NOW, interval=SECOND, burst=1, ticket="a") == 0
    assert bucket.reserve(NOW, interval=SECOND, burst=1, ticket="a") == SECOND


def test_a_ticket_that_comes_much_too_late_is_forgotten() -> None:
    bucket = Bucket()
    slots(bucket, 1)
    bucket.reserve(NOW, interval=SECOND, burst=1, ticket="a")
    late = NOW + SECOND + TICKET_KEPT
    slots(bucket, 1, now=late)
    assert bucket.reserve(late, interval=SECOND, burst=1, ticket="a") == SECOND


def test_old_tickets_take_no_room() -> None:
    bucket = Bucket()
    for number in range(1000):
        bucket.reserve(
            NOW + number * TICKET_KEPT, interval=TICKET_KEPT * 2, burst=1, ticket=str(number)
        )
    assert len(bucket.tickets) < 1000
    assert not bucket.is_empty(NOW)


def test_a_pause_moves_what_was_given_out_and_keeps_the_distances() -> None:
    bucket = Bucket()
    for ticket in "abcd":
        bucket.reserve(NOW, interval=SECOND, burst=1, ticket=ticket)
    bucket.postpone(NOW, 10 * SECOND)
    again = [bucket.reserve(NOW, interval=SECOND, burst=1, ticket=ticket) for ticket in "bcd"]
    assert [slot // SECOND for slot in again] == [11, 12, 13]
    assert slots(bucket, 1) == [14]


def test_nothing_passes_in_a_pause() -> None:
    bucket = Bucket()
    bucket.reserve(NOW - 2 * SECOND, interval=SECOND, burst=1)
    bucket.reserve(NOW - 2 * SECOND, interval=SECOND, burst=1, ticket="came late")
    bucket.postpone(NOW, 5 * SECOND)
    assert bucket.reserve(NOW, interval=SECOND, burst=1, ticket="came late") == 5 * SECOND
    assert slots(bucket, 1, burst=9) == [5]


@pytest.mark.parametrize("later", [0, 1, 4])
def test_pauses_do_not_add_up(later: int) -> None:
    bucket = Bucket()
    bucket.postpone(NOW, 5 * SECOND)
    for _ in range(10):
        bucket.postpone(NOW + later * SECOND, 5 * SECOND)
    bucket.postpone(NOW, SECOND)
    assert slots(bucket, 2) == [5 + later, 6 + later]


def test_an_empty_bucket_may_be_forgotten() -> None:
    bucket = Bucket()
    assert slots(bucket, 3) == [0, 1, 2]
    assert not bucket.is_empty(NOW + 2 * SECOND)
    assert bucket.is_empty(NOW + 3 * SECOND)


def test_slots_are_given_out_in_order() -> None:
    bucket = Bucket()
    assert all(earlier < later for earlier, later in pairwise(slots(bucket, 20)))
