"""How many may be connected, and how many of them may not have said yet who they are."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MOST_OF_ONE: Final = 200
"""Those of one address; to say it takes moments, so this bounds who does not."""


class Full(Exception):
    """There is no room for another one now."""


class Door:
    """The one of a process, for one kind of callers.

    Args:
        most: connections of those who are known.
        most_waiting: connections of those who have not said yet who they are.
    """

    def __init__(self, most: int, *, most_waiting: int) -> None:
        self._most = most
        self._most_waiting = most_waiting
        self._inside = 0
        self._waiting: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many are inside."""
        return self._inside

    @contextmanager
    def waiting(self, address: str) -> Iterator[None]:
        """While somebody from there says who they are.

        Raises:
            Full: too many do so already.
        """
        if self._waiting.total() >= self._most_waiting or self._waiting[address] >= MOST_OF_ONE:
            raise Full("too many connect at the same time; try again later")
        self._waiting[address] += 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """While somebody who is known is connected.

        Raises:
            Full: as many are as may be.
        """
        if self._inside >= self._most:
            raise Full("this node has as many sockets as it may; try again later")
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
