"""How an agent is, by its heartbeats, and what of it is news. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

State = Literal["new", "online", "late", "offline"]
What = Literal["state", "check", "version"]

LATE_AFTER: Final = 3
"""Heartbeats that may be missing before an agent is late."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that became different; ``is_told`` when people are to hear of it.

    ``name`` is that of the check, or empty. ``before`` is None for what was not known.
    """

    what: What
    name: str
    before: str | None
    after: str
    is_told: bool


def state_at(
    heartbeat_at: datetime | None, now: datetime, *, beat: timedelta, offline_after: timedelta
) -> State:
    """The state of an agent by the age of its last heartbeat; None when there was none.

    However soon agents count as offline, three heartbeats may be missing first.
    """
    if heartbeat_at is None:
        return "new"
    age = now - heartbeat_at
    if age <= LATE_AFTER * beat:
        return "online"
    return "late" if age <= offline_after else "offline"


def change_of_state(before: State, after: State, *, told: State) -> Change | None:
    """The change, if there is one; told once when it is gone and once when it is back.

    Args:
        before: the state that is known.
        after: the state by the heartbeats.
        told: the state of which people heard last.
    """
    if before == after:
        return None
    is_gone = after == "offline" and told != "offline"
    is_back = after == "online" and told == "offline"
    return Change("state", "", before, after, is_gone or is_back)


def changes_of_checks(told: Mapping[str, bool], now: Mapping[str, bool]) -> list[Change]:
    """What is new of checks: those that fail, and those that failed and do not any more.

    A check that is well when it is first heard of is no news, nor is one that is no more.
    """
    return [
        Change("check", name, _word(told.get(name)), "ok" if is_ok else "failing", is_told=True)
        for name, is_ok in now.items()
        if told.get(name, True) != is_ok
    ]


def _word(is_ok: bool | None) -> str | None:  # noqa: FBT001
    if is_ok is None:
        return None
    return "ok" if is_ok else "failing"
