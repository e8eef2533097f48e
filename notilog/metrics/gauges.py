"""What is so at one moment, such as how much waits: found when somebody asks, never stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

COUNTED_UP_TO: Final = 100_000
"""Rows that a reading counts at most, so that it costs little however many there are."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number that goes up and down."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    def shows(self, value: float | None) -> "Reading":
        """The value of a gauge without labels; nothing for what is not known."""
        return Reading(self, {} if value is None else {(): value})

    def by(self, values: Mapping[str, float]) -> "Reading":
        """The values of a gauge with one label."""
        return Reading(self, {(label,): value for label, value in values.items()})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a gauge shows, by the values of its labels."""

    gauge: Gauge
    values: Mapping[tuple[str, ...], float]
