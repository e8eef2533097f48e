"""What this process has counted since it last told the database: counters and histograms.

Counting is an addition in memory, for it happens thousands of times a second; all of it happens on
the event loop, so it needs no lock.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

Sample = tuple[str, str]
"""The name of a sample, and the values of its labels as a JSON array."""
Increments = dict[Sample, float]

_increments: Increments = defaultdict(float)


@dataclass(frozen=True, slots=True)
class Counter:
    """A number of events that only grows."""

    name: str
    help: str
    labels: tuple[str, ...]

    def add(self, *values: str, amount: float = 1.0) -> None:
        _increments[_sample(self.name, *values)] += amount


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a value, such as seconds, was at most so much; ``buckets`` are upper bounds."""

    name: str
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...]
    bounds: tuple[str, ...] = field(init=False, repr=False)
    """The buckets as they are stored and shown, the one without a bound last."""

    def __post_init__(self) -> None:
        bounds = (*(repr(float(bound)) for bound in self.buckets), "+Inf")
        object.__setattr__(self, "bounds", bounds)

    def observe(self, value: float, *values: str) -> None:
        """Count a value; one below zero, as when clocks disagree, counts as zero."""
        value = max(0.0, value)
        bound = self.bounds[bisect_left(self.buckets, value)]
        _increments[_sample(f"{self.name}_bucket", *values, bound)] += 1.0
        _increments[_sample(f"{self.name}_sum", *values)] += value


Metric = Counter | Histogram


@cache
def _sample(name: str, *values: str) -> Sample:
    """Kept for every series there is, which are few: writing the labels costs more than adding."""
    return name, json.dumps(values)


def take() -> Increments:
    """What was counted since the last time; the caller must store it, or put it back."""
    taken = dict(_increments)
    _increments.clear()
    return taken


def put_back(increments: Mapping[Sample, float]) -> None:
    """Count again what could not be stored."""
    for sample, amount in increments.items():
        _increments[sample] += amount
