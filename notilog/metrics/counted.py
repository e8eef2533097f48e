"""What this process has counted since it last told the database: counters and histograms.

Counting is an addition in memory, for it happens thousands of times a second.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

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
        _increments[self.name, json.dumps(values)] += amount


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a value, such as seconds, was at most so much; ``buckets`` are upper bounds."""

    name: str
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...]
    _bounds: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        bounds = tuple(f"{bound:g}" for bound in self.buckets)
        object.__setattr__(self, "_bounds", (*bounds, "+Inf"))

    @property
    def bounds(self) -> tuple[str, ...]:
        """The buckets as they are stored and shown, the one without a bound last."""
        return self._bounds

    def observe(self, value: float, *values: str) -> None:
        bound = self._bounds[bisect_left(self.buckets, value)]
        _increments[f"{self.name}_bucket", json.dumps((*values, bound))] += 1.0
        _increments[f"{self.name}_sum", json.dumps(values)] += value


Metric = Counter | Histogram


def take() -> Increments:
    """What was counted since the last time; the caller must store it, or put it back."""
    taken = dict(_increments)
    _increments.clear()
    return taken


def put_back(increments: Mapping[Sample, float]) -> None:
    """Count again what could not be stored."""
    for sample, amount in increments.items():
        _increments[sample] += amount
