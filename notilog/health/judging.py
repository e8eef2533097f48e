"""What is wrong with the platform, in words that say what to do. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

LATE: Final = timedelta(seconds=35)
"""After three signs that did not come a process counts as gone."""
BEAT_LATE: Final = timedelta(seconds=60)
MANY_WAIT: Final = 1_000
"""Messages in a queue that are more than an ordinary backlog."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker by its newest sign; ``running`` tasks of at most ``limit``."""

    name: str
    queues: tuple[str, ...]
    running: int
    limit: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the platform at an instant.

    ``waiting`` are messages by queue; ``beat_at`` is when a worker last heard of beat; ``nodes``
    are the API processes by the instant of their newest sign.
    """

    now: datetime
    workers: Sequence[Worker] = ()
    nodes: Mapping[str, datetime] = field(default_factory=dict)
    beat_at: datetime | None = None
    waiting: Mapping[str, int] = field(default_factory=dict)
    failing: Collection[str] = ()
    taken: str = "everything"

    @property
    def living(self) -> list[Worker]:
        """The workers that gave a sign not long ago."""
        return [worker for worker in self.workers if self.now - worker.at <= LATE]


def complaints(seen: Seen, *, queues: Collection[str]) -> list[str]:
    """Everything that is wrong; nothing when the platform is well.

    Args:
        seen: what is known.
        queues: those that somebody has to consume.
    """
    found = [f"{name} does not answer" for name in seen.failing]
    if seen.beat_at is None:
        found.append("beat has never been heard of: start `celery -A workers.app beat`")
    elif seen.now - seen.beat_at > BEAT_LATE:
        seconds = (seen.now - seen.beat_at).total_seconds()
        found.append(f"beat was last heard of {seconds:.0f} s ago: is it, and a worker, running?")
    served = {queue for worker in seen.living for queue in worker.queues}
    unserved = [queue for queue in queues if queue not in served]
    if unserved:
        found.append(f"no worker consumes {', '.join(unserved)}: start one with -Q {unserved[0]}")
    found += [
        f"{count} messages wait in {queue}: add workers for it"
        for queue, count in seen.waiting.items()
        if count > MANY_WAIT
    ]
    if seen.taken != "everything":
        found.append(f"the disk is nearly full: of log records, {seen.taken} is taken")
    return found
