"""How soon a lost connection is tried again, and when that is given up. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, and how many failures in a row are borne.

    A connection that lasted ``stable`` seconds is tried again almost at once when it is lost. Any
    other is a failure: each pause is twice the one before, so that a server that closes whatever
    is opened is never asked more than a few times a minute.
    """

    first: float = 1.0
    longest: float = 60.0
    stable: float = 30.0
    most: int = 10
    resumes: int = 5
    """Failures after which a session is given up and a new one begun."""

    def failures(self, before: int, *, lasted: float) -> int:
        """How many in a row there are now, with one that lasted so long."""
        return 0 if lasted >= self.stable else before + 1

    def pause(self, failures: int, *, luck: float) -> float:
        """Seconds to wait; ``luck`` in 0..1 keeps those apart who were lost together."""
        if failures == 0:
            return self.first * luck
        ceiling = min(self.longest, self.first * 2.0 ** (min(failures, 16) - 1))
        return ceiling * (1.0 - luck / 2)
