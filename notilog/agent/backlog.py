"""Lines that wait in memory to be gathered into batches; putting one there never waits."""

import threading
from collections import deque
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

BATCH_BYTES: Final = 1024 * 1024 - 2048
"""The most that a batch is gathered of; the server takes 1 MiB, and a warning may be added."""
MOST_BYTES: Final = 64 * 1024 * 1024

_NEVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class Gathering:
    """When a batch is full: so many records or bytes, or so many seconds after its first one."""

    records: int = 1000
    seconds: float = 1.0
    bytes: int = BATCH_BYTES


class Backlog:
    """A bounded queue with any number of writers and one reader.

    The bell is a `SimpleQueue` and the lock reentrant since a program may log in a signal handler
    that interrupts `put`.

    Args:
        most_records: more than these are dropped and counted, and so is what exceeds 64 MiB.
        gathering: when a batch is full.
    """

    def __init__(self, most_records: int, gathering: Gathering) -> None:
        self.dropped = 0
        self._most = most_records
        self._gathering = gathering
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._lock = threading.RLock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._ring_at = _NEVER
        self._hurried = False
        self._closing = False
        self._taking = False

    def put(self, line: bytes) -> None:
        """Add a line, or count it as dropped."""
        with self._lock:
            if len(self._lines) >= self._most or self._bytes >= MOST_BYTES:
                self.dropped += 1
                return
            self._bytes += len(line)
            self._lines.append(line)
            if self._due(self._ring_at):
                self._ring_at = _NEVER
                self._bell.put(None)

    def drop(self, records: int = 1) -> None:
        """Count records that were lost on their way here."""
        with self._lock:
            self.dropped += records

    def take(self) -> list[bytes]:
        """Wait for a batch; none when told to hurry and nothing is there.

        Until `taken` is called the backlog does not count as empty.
        """
        self._wait(1, None)
        self._wait(self._gathering.records, self._gathering.seconds)
        return self.rest()

    def rest(self) -> list[bytes]:
        """What a batch can have of what is there now."""
        with self._lock:
            self._taking = True
            lines: list[bytes] = []
            size = 0
            while self._lines and len(lines) < self._gathering.records:
                size += len(self._lines[0]) + 1
                if size > self._gathering.bytes:
                    break
                lines.append(self._lines.popleft())
                self._bytes -= len(lines[-1])
            self._hurried = self._hurried and bool(self._lines)
        return lines

    def taken(self) -> None:
        """What was taken is safe elsewhere."""
        self._taking = False

    @property
    def is_empty(self) -> bool:
        with self._lock:
            return not self._lines and not self._taking

    @property
    def is_closing(self) -> bool:
        return self._closing

    def hurry(self) -> None:
        """Let the reader take what is there without waiting for more."""
        self._hurried = True
        self._bell.put(None)

    def close(self) -> None:
        """Let the reader never wait again."""
        self._closing = True
        self._bell.put(None)

    def _wait(self, records: int, seconds: float | None) -> None:
        deadline = None if seconds is None else monotonic() + seconds
        while not self._is_due(records):
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            try:
                self._bell.get(timeout=left)
            except Empty:
                break
        self._ring_at = _NEVER

    def _is_due(self, records: int) -> bool:
        with self._lock:
            self._ring_at = records
            return self._due(records)

    def _due(self, records: int) -> bool:
        full = len(self._lines) >= records or self._bytes >= self._gathering.bytes
        return full or self._hurried or self._closing
