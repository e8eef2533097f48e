"""Who is let in, and who has to wait outside."""

from contextlib import ExitStack

import pytest

from api.sockets.door import MOST_OF_ONE, Door, Full


def test_one_address_has_so_many_that_say_nothing() -> None:
    door = Door(1, most_waiting=1_000)
    with ExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            stack.enter_context(door.waiting("10.0.0.1"))
        with pytest.raises(Full), door.waiting("10.0.0.1"):
            pass
        with door.waiting("10.0.0.2"):
            pass
    with door.waiting("10.0.0.1"):
        pass


def test_there_is_room_for_so_many_and_for_others_when_they_have_gone() -> None:
    door = Door(1, most_waiting=1)
    with door.waiting("a"), pytest.raises(Full), door.waiting("b"):
        pass
    with door.inside():
        assert door.count == 1
        with pytest.raises(Full), door.inside():
            pass
        with door.waiting("b"):
            pass
    assert door.count == 0
