"""When matches are worth a message: counts in a window, cool-down, absence. Pure.

A state moves on its own clock, through the instants at which something ends (`tick`) and those at
which something matched (`advance`). What it says does not depend on how often it is looked at, so a
rehearsal over stored records and the running service say the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from notilog.logs.alerts.matching import Rule

Said = Literal["matched", "more", "missing", "back"]
Line = Mapping[str, Any]
Window = tuple[tuple[int, int], ...]
"""How many matched in each slice of time that is still within the window, oldest first."""

SLICES: Final = 20
"""A window is as exact as one of its slices, so it counts at least 19 parts in 20 of its time."""
FORGOTTEN_AFTER: Final = timedelta(days=7)
"""How long a group that is missing is waited for."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something to say, and when: ``count`` lines matched, or that many more ``since``.

    ``missing``: fewer than that many matched; ``back``: that many do again. ``line`` is one of
    those that matched last, None when nothing ever did.
    """

    said: Said
    at: datetime
    count: int
    line: Line | None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one group of a rule at an instant; nothing changes before ``wake_at``.

    ``quiet_until`` ends the cool-down, or the first window of what may be missing; ``suppressed``
    matched in the cool-down, and ``again`` says that they would have been worth a message.
    """

    at: datetime
    wake_at: datetime
    window: Window = ()
    quiet_until: datetime | None = None
    suppressed: int = 0
    again: bool = False
    missing: bool = False
    line: Line | None = None
    last_matched_at: datetime | None = None
    last_sent_at: datetime | None = None


def begin(rule: Rule, now: datetime) -> State:
    """A group of which nothing is known; nothing is missing before a whole window has passed."""
    first_end = now + (rule.within or rule.cooldown)
    quiet_until = first_end if rule.kind == "absence" else None
    return State(at=now, wake_at=first_end, quiet_until=quiet_until)


def advance(
    state: State | None, rule: Rule, *, matched: int, line: Line | None, now: datetime
) -> tuple[State, tuple[Verdict, ...]]:
    """The state after ``matched`` records more, the same as after each by itself.

    It is None for a group that is new; ``line`` is one of the records. An instant before that of
    the state counts as that one.
    """
    at = now if state is None else max(now, state.at)
    told: tuple[Verdict, ...] = ()
    if state is not None:
        state, told = tick(state, rule, at)
    state = replace(state or begin(rule, at), at=at, last_matched_at=at, line=line)
    if rule.kind == "absence":
        state, verdict = _seen(state, rule, matched)
    else:
        state, verdict = _counted(state, rule, matched)
    return state, told if verdict is None else (*told, verdict)


def tick(state: State, rule: Rule, now: datetime) -> tuple[State | None, tuple[Verdict, ...]]:
    """The state when nothing matches until ``now``; None when nothing needs to be known any more.

    What it says is dated when it was to be said, however late it is asked.
    """
    told: list[Verdict] = []
    current: State | None = state
    while current is not None and current.wake_at <= now:
        woken = _missed if rule.kind == "absence" else _calmed
        current, verdict = woken(replace(current, at=current.wake_at), rule)
        if verdict is not None:
            told.append(verdict)
    return current, tuple(told)


def _counted(state: State, rule: Rule, matched: int) -> tuple[State, Verdict | None]:
    verdict = None
    lacking = rule.count - _total(state.window, rule, state.at)
    if state.quiet_until is None and matched >= lacking:
        verdict = Verdict("matched", state.at, rule.count, state.line)
        matched -= lacking
        state = _said(replace(state, window=()), rule)
    return _rescheduled(_noted(state, rule, matched), rule), verdict


def _noted(state: State, rule: Rule, matched: int) -> State:
    """With matches that are not, or not yet, worth a message of their own."""
    total = _total(state.window, rule, state.at) + matched
    if state.quiet_until is None:
        return replace(state, window=_with(state.window, rule, state.at, matched))
    state = replace(state, suppressed=state.suppressed + matched)
    if total < rule.count:
        return replace(state, window=_with(state.window, rule, state.at, matched))
    return replace(state, again=True, window=_with((), rule, state.at, total % rule.count))


def _calmed(state: State, rule: Rule) -> tuple[State | None, Verdict | None]:
    """At the end of a cool-down, or of the window of a group that is not in one."""
    verdict = None
    if state.quiet_until is not None and state.suppressed:
        verdict = Verdict("more", state.at, state.suppressed, state.line, state.last_sent_at)
    if state.again:
        return _rescheduled(_said(state, rule), rule), verdict
    rest = replace(state, quiet_until=None, suppressed=0)
    if not _total(state.window, rule, state.at):
        return None, verdict
    return _rescheduled(rest, rule), verdict


def _said(state: State, rule: Rule) -> State:
    """In the cool-down that follows a message."""
    return replace(
        state,
        quiet_until=state.at + rule.cooldown,
        suppressed=0,
        again=False,
        last_sent_at=state.at,
    )


def _rescheduled(state: State, rule: Rule) -> State:
    """To be looked at when the cool-down ends, else when nothing of its window is left."""
    if state.quiet_until is not None:
        return replace(state, wake_at=state.quiet_until)
    return replace(state, wake_at=_end_of(state.window[-1][0], rule))


def _seen(state: State, rule: Rule, matched: int) -> tuple[State, Verdict | None]:
    state = replace(state, window=_with(state.window, rule, state.at, matched))
    enough = _total(state.window, rule, state.at) >= rule.count
    if not state.missing:
        return replace(state, wake_at=_low_at(state, rule)), None
    if not enough:
        return replace(state, wake_at=state.at + FORGOTTEN_AFTER), None
    verdict = Verdict("back", state.at, rule.count, state.line, state.last_sent_at)
    state = replace(_said(state, rule), missing=False)
    return replace(state, wake_at=_low_at(state, rule)), verdict


def _missed(state: State, rule: Rule) -> tuple[State | None, Verdict | None]:
    """At the instant at which too little is left in the window."""
    if state.missing:
        forgotten = bool(rule.group_by)
        return (None if forgotten else replace(state, wake_at=state.at + FORGOTTEN_AFTER)), None
    verdict = Verdict("missing", state.at, rule.count, state.line, state.last_matched_at)
    wake_at = state.at + FORGOTTEN_AFTER
    return replace(state, missing=True, last_sent_at=state.at, wake_at=wake_at), verdict


def _low_at(state: State, rule: Rule) -> datetime:
    """When fewer than enough will be in the window, if nothing more matches."""
    left, low_at = _total(state.window, rule, state.at), state.at
    for number, count in state.window:
        if left < rule.count:
            break
        left, low_at = left - count, _end_of(number, rule)
    return max(low_at, state.quiet_until or low_at)


def _with(window: Window, rule: Rule, at: datetime, matched: int) -> Window:
    """With so many more at this instant, and without what has left the window."""
    if rule.within is None or not matched:
        return window
    number = _slice_of(at, rule)
    counts = {known: count for known, count in window if known > number - SLICES}
    counts[number] = counts.get(number, 0) + matched
    return tuple(sorted(counts.items()))


def _total(window: Window, rule: Rule, at: datetime) -> int:
    if not window:
        return 0
    oldest = _slice_of(at, rule) - SLICES
    return sum(count for number, count in window if number > oldest)


def _slice_of(at: datetime, rule: Rule) -> int:
    return (at - _EPOCH) // _width(rule)


def _end_of(number: int, rule: Rule) -> datetime:
    """When what matched in this slice leaves the window."""
    return _EPOCH + (number + SLICES) * _width(rule)


def _width(rule: Rule) -> timedelta:
    return (rule.within or rule.cooldown) / SLICES
