"""A circuit breaker: a receiver that accepts nothing is asked now and then, not all the time.

After so many failures in a row nothing more is claimed for a while; then one message goes ahead to
see. What waits meanwhile loses no attempt. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


@dataclass(slots=True)
class Breaker:
    """The state of one channel in one process: closed until ``failures_to_open`` in a row."""

    failures_to_open: int
    failures: int = 0
    pauses: int = 0
    until: datetime | None = None
    probing: bool = False

    def room(self, now: datetime, wanted: int) -> int:
        """How many messages may be claimed now: all, none, or one to see whether it works."""
        if self.until is None:
            return wanted
        if self.probing or now < self.until:
            return 0
        return min(wanted, 1)

    def probes(self) -> None:
        """A message was claimed while open: until its outcome is known, no other one is."""
        self.probing = self.until is not None

    def given_back(self) -> None:
        """What was claimed was not tried, so it taught nothing."""
        self.probing = False

    def answered(self) -> None:
        """The receiver took a message, or refused that one for good: it is there."""
        self.failures = self.pauses = 0
        self.until = None
        self.probing = False

    def failed(self, now: datetime, *, retry_after: float | None = None) -> bool:
        """Count a temporary failure; True when this one opens the breaker, or keeps it open.

        A failure of what was claimed before it opened does not lengthen the pause.
        """
        self.failures += 1
        if self.failures < self.failures_to_open or (self.until is not None and not self.probing):
            return False
        pause = min(FIRST_PAUSE * 2**self.pauses, LONGEST_PAUSE)
        asked = min(timedelta(seconds=retry_after or 0), LONGEST_PAUSE)
        self.until = now + max(pause, asked)
        self.pauses = min(self.pauses + 1, 10)
        self.probing = False
        return True
