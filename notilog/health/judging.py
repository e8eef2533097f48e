"""What is wrong with the platform, in words that say what to do. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
class Host:
    """A host of the database as one process sees it, of whose pool ``used`` connections are in use.

    ``role`` says whether it is written to; it is None while the host does not answer.
    """

    name: str
    role: str | None
    used: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the platform at an instant.

    ``waiting`` are messages by queue; ``beat_at`` is when a worker last heard of beat; ``nodes``
    are the API processes by the instant of their newest sign; ``sockets`` (by whose they are) and
    ``subscriptions`` (by topic) are those of all that live. ``hosts`` are the database's as whoever
    asks sees them, ``pools`` as each living process does, by the name of its sign.
    """

    now: datetime
    workers: Sequence[Worker] = ()
    nodes: Mapping[str, datetime] = field(default_factory=dict)
    beat_at: datetime | None = None
    waiting: Mapping[str, int] = field(default_factory=dict)
    failing: Collection[str] = ()
    taken: str = "everything"
    hosts: Sequence[Host] = ()
    pools: Mapping[str, Sequence[Host]] = field(default_factory=dict)
    sockets: Mapping[str, int] = field(default_factory=dict)
    subscriptions: Mapping[str, int] = field(default_factory=dict)

    @property
    def living(self) -> list[Worker]:
        """The workers that gave a sign not long ago."""
        return [worker for worker in self.workers if self.now - worker.at <= LATE]

    @property
    def living_nodes(self) -> list[str]:
        """The API processes that did."""
        return [name for name, at in self.nodes.items() if self.now - at <= LATE]


def complaints(seen: Seen, *, queues: Collection[str]) -> list[str]:
    """Everything that is wrong; nothing when the platform is well.

    Args:
        seen: what is known.
        queues: those that somebody has to consume.
    """
    found = [*_of_servers(seen), *_of_beat(seen), *_of_workers(seen, queues), *_of_api(seen)]
    found += [
        f"{count} messages wait in {queue}: add workers for it"
        for queue, count in seen.waiting.items()
        if count > MANY_WAIT
    ]
    if seen.taken != "everything":
        found.append(f"the disk is nearly full: of log records, {seen.taken} is taken")
    return found


def _of_servers(seen: Seen) -> Iterator[str]:
    for name in seen.failing:
        yield f"{name} does not answer: `notilog doctor` says why"
    for host in seen.hosts:
        if host.role is None:
            yield (
                f"host {host.name} of the database does not answer: start it, or take it out of "
                "NOTILOG_DATABASE_URL"
            )


def _of_beat(seen: Seen) -> Iterator[str]:
    if seen.beat_at is None:
        yield "beat has never been heard of: start `celery -A workers.app beat`"
    elif seen.now - seen.beat_at > BEAT_LATE:
        seconds = (seen.now - seen.beat_at).total_seconds()
        yield f"beat was last heard of {seconds:.0f} s ago: is it, and a worker, running?"


def _of_workers(seen: Seen, queues: Collection[str]) -> Iterator[str]:
    served = {queue for worker in seen.living for queue in worker.queues}
    unserved = [queue for queue in queues if queue not in served]
    if unserved:
        yield f"no worker consumes {', '.join(unserved)}: start one with -Q {unserved[0]}"


def _of_api(seen: Seen) -> Iterator[str]:
    if not seen.nodes:
        yield "no process of the API gives signs of life: start `python -m api`"
    elif not seen.living_nodes:
        seconds = (seen.now - max(seen.nodes.values())).total_seconds()
        yield f"the API was last heard of {seconds:.0f} s ago: is `python -m api` running?"
