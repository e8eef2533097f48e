"""Bots of the server, and how it is told to treat them."""

from dataclasses import dataclass, field
from typing import Any

from tests.outside.discord_world import Person


@dataclass(slots=True)
class Starts:
    """How many sessions a bot may still begin; ``reset_after`` in seconds."""

    total: int = 1000
    remaining: int = 1000
    reset_after: float = 14_400.0
    max_concurrency: int = 1

    @property
    def told(self) -> dict[str, int]:
        return {
            "total": self.total,
            "remaining": self.remaining,
            "reset_after": round(self.reset_after * 1000),
            "max_concurrency": self.max_concurrency,
        }


@dataclass(eq=False, slots=True)
class Bot:
    """An application's account; times are `time.monotonic`."""

    token: str
    person: Person
    starts: Starts = field(default_factory=Starts)
    identifies: list[float] = field(default_factory=list)
    resumes: list[float] = field(default_factory=list)
    intents: int = 0
    """What the newest identify asked for."""

    @property
    def id(self) -> int:
        return self.person.id


@dataclass(frozen=True, slots=True)
class Answer:
    """What REST answers instead of the truth."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Rules:
    """What goes wrong, until it is put right."""

    heartbeat: float = 41.25
    """Seconds between heartbeats, as HELLO tells."""

    withhold_acks: bool = False
    disallow_intents: bool = False
    refuse_gateway: int | None = None
    """A code to close each WebSocket with before HELLO."""

    answer_identify: int | None = None
    """A code to close with instead of READY; 9 is an invalid session."""

    close_sessions: int | None = None
    """A code to close with as soon as a session has begun or was resumed."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    """REST answers by path, each for one request."""
