"""Lines that a pipe has ready, without ever waiting for more."""

import os
import select
from collections import deque
from typing import Final

from notilog.agent.program.records import LONGEST_LINE

_CHUNK: Final = 64 * 1024


class PipeLines:
    """The reading end of a pipe, line by line.

    Args:
        descriptor: of the pipe; it stays its owner's.
        longest: bytes of a line that are kept; what exceeds them is passed over.
    """

    def __init__(self, descriptor: int, longest: int = LONGEST_LINE) -> None:
        self._descriptor = descriptor
        self._longest = longest
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._ready: deque[bytes] = deque()
        self._rest = b""
        self._passing = False
        self._ended = False

    @property
    def is_over(self) -> bool:
        """Whether everything that was written has been taken."""
        return self._ended and not self._ready

    def take(self) -> bytes | None:
        """The next whole line, without its end; None when there is none now.

        A line that was too long is one byte longer than the longest.
        """
        while not self._ready:
            if not self._fill():
                return None
        return self._ready.popleft()

    def _fill(self) -> bool:
        """Read once, if that can be done without waiting."""
        if self._ended or not self._poll.poll(0):
            return False
        data = os.read(self._descriptor, _CHUNK)
        self._ended = not data
        lines = (self._rest + (data or b"\n")).split(b"\n")
        self._rest = lines.pop()
        if self._passing and lines:
            self._passing = False
            del lines[0]
        if self._passing:
            self._rest = b""
        self._ready.extend(line.removesuffix(b"\r")[: self._longest + 1] for line in lines)
        if len(self._rest) > self._longest:
            self._ready.append(self._rest[: self._longest + 1])
            self._rest, self._passing = b"", True
        if self._ended and self._ready and not self._ready[-1]:
            self._ready.pop()  # the end is not an empty line
        return True
