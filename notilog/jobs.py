"""Wake-ups: "run this task with these ids once the transaction has committed".

Knows no queue library. The API and the workers each bind a sender at start; a wake-up that
could not be sent is logged and dropped, because a beat sweep finds what is due anyway.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wakeup:
    """A task by name and its arguments: ids and plain values, never objects or secrets."""

    task: str
    args: tuple[str | int, ...] = ()
    expires: float | None = None
    """Seconds after which nobody needs it any more, for what a sweep asks for again and again."""


Sender = Callable[[Wakeup], Awaitable[None]]


async def _unbound(wakeup: Wakeup) -> None:
    raise LookupError(f"no sender is bound in this process for {wakeup.task}")


_sender: Sender = _unbound
_pending: ContextVar[list[Wakeup] | None] = ContextVar("notilog_wakeups", default=None)


def bind(sender: Sender) -> None:
    """Make ``sender`` the way this process sends wake-ups."""
    global _sender  # noqa: PLW0603  one sender a process
    _sender = sender


def wake(task: str, *args: str | int, expires: float | None = None) -> None:
    """Ask for ``task`` to run after the surrounding transaction commits.

    Raises:
        LookupError: outside a transaction, where "after commit" means nothing.
    """
    pending = _pending.get()
    if pending is None:
        raise LookupError(f"wake({task!r}) outside a transaction")
    wakeup = Wakeup(task, args, expires)
    if wakeup not in pending:
        pending.append(wakeup)


@contextmanager
def collecting() -> Iterator[list[Wakeup]]:
    """Gather the wake-ups asked for within the block."""
    wakeups: list[Wakeup] = []
    token = _pending.set(wakeups)
    try:
        yield wakeups
    finally:
        _pending.reset(token)


async def send(wakeups: list[Wakeup]) -> None:
    """Send what was gathered; a failure is logged, the sweep will find the rows."""
    for wakeup in wakeups:
        try:
            await _sender(wakeup)
        except Exception:
            log.warning("wakeup_not_sent", task=wakeup.task, exc_info=True)
