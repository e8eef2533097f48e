"""How an incident escalates: which telling follows, when it is due, whom it concerns. Pure.

A step is a telling: an incident of step 1 was told once, when it was opened.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Severity = Literal["info", "warning", "critical"]
State = Literal["open", "acknowledged", "resolved"]

_GRAVITY: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
FIRST: Final = 1
"""The step at which an incident is told that was just opened."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When people are told again of what nobody has acknowledged.

    ``waits`` follow the steps in their order; the last of them is used ``repeats`` times more.
    Administrators hear of it too from the step ``administrators_from`` on, 0 is never. What does
    not occur again for ``quiet`` is over; None waits for somebody. What was over by itself goes on
    when it occurs within ``reopen``; None opens another.
    """

    waits: tuple[timedelta, ...]
    repeats: int
    administrators_from: int
    quiet: timedelta | None
    reopen: timedelta | None = None

    @property
    def last_step(self) -> int:
        return FIRST + len(self.waits) + self.repeats if self.waits else FIRST


def next_at(policy: Policy, severity: Severity, *, step: int, now: datetime) -> datetime | None:
    """When the step that follows ``step`` is due, taken just now; None when none does.

    It is counted from now, not from when this one was due: after downtime steps do not come in a
    row. What is only for information is told once.
    """
    if step < FIRST:
        return now
    if severity == "info" or step >= policy.last_step:
        return None
    return now + policy.waits[min(step, len(policy.waits)) - 1]


def gravest(*severities: Severity) -> Severity:
    """The gravest of these."""
    return max(severities, key=_GRAVITY.index)


def concerns_administrators(policy: Policy, step: int) -> bool:
    """Whether administrators are told at this step, beside those whom it concerns anyway."""
    return 0 < policy.administrators_from <= step


def held(due_at: datetime | None, *, until: datetime) -> datetime | None:
    """When a step that is due then is told, in a silence until that instant."""
    return None if due_at is None else max(due_at, until)


def reopens_until(policy: Policy, resolved_at: datetime) -> datetime | None:
    """Until when what was over by itself then goes on if it occurs."""
    return None if policy.reopen is None else resolved_at + policy.reopen


def quiet_at(policy: Policy, last_at: datetime, *, lasts: bool) -> datetime | None:
    """When it is over if it does not occur again; what ``lasts`` until its source says so never."""
    return None if lasts or policy.quiet is None else last_at + policy.quiet
