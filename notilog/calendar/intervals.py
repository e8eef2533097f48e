"""Half-open intervals of time, and what one does with many of them. Pure.

All instants are aware, in UTC, with the tzinfo `datetime.UTC` itself: those compare the fastest.
Turning tens of thousands of them into numbers and back costs more than it saves.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Protocol

import msgspec


class Span(Protocol):
    """Anything that has a start and an end: an interval, an occurrence, a window."""

    @property
    def start(self) -> datetime: ...

    @property
    def end(self) -> datetime: ...


class Interval(msgspec.Struct, frozen=True, gc=False):
    """From ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def merged(spans: Iterable[Span]) -> list[Interval]:
    """The same time in as few intervals as possible, in order; spans that touch become one.

    A span that ends where it starts, or before, takes no time and is left out.
    """
    ordered = sorted((span for span in spans if span.start < span.end), key=attrgetter("start"))
    if not ordered:
        return []
    found: list[Interval] = []
    start, end = ordered[0].start, ordered[0].end
    for span in ordered:
        if span.start > end:
            found.append(Interval(start, end))
            start, end = span.start, span.end
        elif span.end > end:
            end = span.end
    found.append(Interval(start, end))
    return found


def common(one: Iterable[Interval], other: Iterable[Interval]) -> list[Interval]:
    """The time that is in both, each of merged intervals; so is what they have in common."""
    found: list[Interval] = []
    others = iter(other)
    beside = next(others, None)
    for interval in one:
        start, end = interval.start, interval.end
        while beside is not None and beside.end <= start:
            beside = next(others, None)
        while beside is not None and beside.start < end:
            if beside.end > end:
                found.append(Interval(max(start, beside.start), end))
                break
            found.append(Interval(max(start, beside.start), beside.end))
            beside = next(others, None)
    return found


def gaps(whole: Iterable[Interval], window: Span) -> Iterator[Interval]:
    """What merged intervals leave of the window, in order."""
    start = window.start
    for interval in whole:
        if interval.start >= window.end:
            break
        if interval.start > start:
            yield Interval(start, interval.start)
        start = max(start, interval.end)
    if start < window.end:
        yield Interval(start, window.end)


def total(whole: Iterable[Interval]) -> timedelta:
    """How long merged intervals take."""
    return sum((interval.length for interval in whole), timedelta())
