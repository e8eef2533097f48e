"""The nearest time at which several people are all free, or why there is none. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, Literal

from notilog.calendar.intervals import Interval, Span, common, gaps, merged, total
from notilog.errors import Invalid

HORIZON: Final = timedelta(days=60)
"""How far ahead one looks unless told otherwise."""

_NOTHING: Final = timedelta()
_UNITS: Final = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """When somebody cannot come.

    Attributes:
        login: who it is.
        busy: their events, in any order, overlapping or not. Those that end up to the buffer before
            the window, or start up to the buffer after it, belong here too.
        outside: the time in the window that is outside their work hours. Giving people with the
            same hours the very same list saves time.
    """

    login: str
    busy: Sequence[Span]
    outside: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Free:
    """All are free from ``start`` to ``end``, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why there is no such time.

    Attributes:
        code: ``no_common_work_hours``: they are never all at work at once;
            ``work_hours_too_short``: never for long enough; ``busy``: their events leave no room.
        sentence: the same for people, and what they can do.
        login: of ``busy``, whose events take most of the common time; the first of equals by login.
        taken: of ``busy``, how much these events, with their buffers, take of the common time.
        common: how long all are at work at once; of ``busy``, only where that is long enough.
    """

    code: Literal["no_common_work_hours", "work_hours_too_short", "busy"]
    sentence: str
    login: str | None = None
    taken: timedelta = _NOTHING
    common: timedelta = _NOTHING


def nearest_free(
    people: Sequence[Person],
    duration: timedelta,
    *,
    window: Span,
    buffer: timedelta = _NOTHING,
) -> Free | Reason:
    """The first ``duration`` in the window, which it does not leave, in which all are free.

    The buffer is kept free before and after it: of events, whether in the window or not. It may lie
    outside work hours, for nobody has to hurry from an evening to a meeting. Events that take no
    time, such as a mark at an instant, are in nobody's way.

    Raises:
        Invalid: a duration that is not positive, a negative buffer, or a window too short for it.
    """
    _check(duration, window, buffer)
    # By identity, since equal lists are mostly one list, and lists have no hash.
    hours = {id(person.outside): person.outside for person in people}
    outside = merged(chain.from_iterable(hours.values()))
    together = list(gaps(outside, window))
    usable = [stretch for stretch in together if stretch.length >= duration]
    if not usable:
        return _no_work_hours(together, duration)
    # Only where all are at work for long enough: what fills other time is in nobody's way.
    taken = [
        (person.login, common(merged(_padded(person.busy, buffer)), usable)) for person in people
    ]
    unusable = merged(chain(outside, *(events for _, events in taken)))
    for stretch in gaps(unusable, window):
        if stretch.length >= duration:
            return Free(stretch.start, stretch.start + duration)
    return _busy(taken, usable, buffer)


def _check(duration: timedelta, window: Span, buffer: timedelta) -> None:
    if duration <= _NOTHING:
        raise Invalid.field("duration", "must be longer than nothing")
    if buffer < _NOTHING:
        raise Invalid.field("buffer", "must not be negative")
    if window.end - window.start < duration:
        raise Invalid.field("until", "must be later than from by the duration at least")


def _padded(busy: Iterable[Span], buffer: timedelta) -> Iterable[Span]:
    if not buffer:
        return busy
    return (
        Interval(event.start - buffer, event.end + buffer)
        for event in busy
        if event.start < event.end
    )


def _no_work_hours(together: list[Interval], duration: timedelta) -> Reason:
    if not together:
        return Reason(
            code="no_common_work_hours",
            sentence="There is no time at which all are at work: ask for fewer people, search"
            " further ahead, or change somebody's work hours.",
        )
    longest = max(stretch.length for stretch in together)
    return Reason(
        code="work_hours_too_short",
        sentence=f"All are at work together for at most {_spoken(longest)} at a time, which is"
        f" less than {_spoken(duration)}: ask for a shorter time or fewer people, or change"
        " somebody's work hours.",
        common=total(together),
    )


def _busy(
    taken: Iterable[tuple[str, list[Interval]]], usable: list[Interval], buffer: timedelta
) -> Reason:
    most, login = min(
        ((total(events), login) for login, events in taken),
        key=lambda entry: (-entry[0], entry[1]),
    )
    together = total(usable)
    events = "events and the buffers around them" if buffer else "events"
    return Reason(
        code="busy",
        sentence=f"The {events} of {login} take most: {_spoken(most)} of the {_spoken(together)} in"
        f" which all are at work for long enough. Ask for a shorter time, search further ahead, or"
        f" go without {login}.",
        login=login,
        taken=most,
        common=together,
    )


def _spoken(length: timedelta) -> str:
    """A length such as ``1 d 30 min``."""
    parts: list[str] = []
    for size, unit in _UNITS:
        count, length = divmod(length, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "less than 1 s"
