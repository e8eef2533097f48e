"""An event as it really takes place: its schedule, and what was changed of single occurrences.

Pure. Every occurrence keeps the name of its original start, however far it was moved.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from operator import attrgetter

from notilog.calendar.intervals import Interval
from notilog.calendar.occurrences import (
    Fire,
    Schedule,
    following_fire,
    is_occurrence,
    next_fire,
    occurrences_between,
    starts_between,
)
from notilog.calendar.offsets import Offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One occurrence as it was changed; no name or description of its own is the series'.

    ``raw`` is what an imported file said of it.
    """

    original_start: datetime
    start: datetime
    end: datetime
    cancelled: bool = False
    added: bool = False
    name: str | None = None
    description: str | None = None
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One occurrence as it will take place, half-open, in UTC."""

    start: datetime
    end: datetime
    original_start: datetime
    override: Override | None = None

    def words(self, name: str, description: str) -> tuple[str, str]:
        """Its name and description, in a series that has these."""
        own = self.override
        return (
            own.name if own and own.name is not None else name,
            own.description if own and own.description is not None else description,
        )


@dataclass(frozen=True, slots=True)
class Series:
    """A schedule and the overrides that matter to what is asked, by original start."""

    schedule: Schedule
    overrides: Mapping[datetime, Override] = field(default_factory=dict)

    def between(self, start: datetime, end: datetime) -> Iterator[Happening]:
        """What touches the half-open window, sorted by start and original start."""
        regular = (
            Happening(one.start, one.end, one.original_start)
            for one in occurrences_between(self.schedule, start, end)
            if one.original_start not in self.overrides
        )
        if not self.overrides:
            return regular
        changed = sorted(
            (
                one
                for one in map(_happening, self.overrides.values())
                if one and one.start < end and (one.end > start or one.start >= start)
            ),
            key=_order,
        )
        return merge(regular, changed, key=_order)

    def intervals(self, start: datetime, end: datetime) -> list[Interval]:
        """The time that `between` takes, found faster when nothing was changed."""
        schedule = self.schedule
        if self.overrides or schedule.all_day:
            return [Interval(one.start, one.end) for one in self.between(start, end)]
        duration = schedule.duration
        begins = starts_between(schedule, start - duration, end)
        return [Interval(begin, begin + duration) for begin in begins]

    def at(self, original_start: datetime) -> Happening | None:
        """The occurrence of that name; None when there is none, or it is cancelled."""
        override = self.overrides.get(original_start)
        if override is not None:
            return _happening(override)
        if not is_occurrence(self.schedule, original_start):
            return None
        return Happening(original_start, self.schedule.end_of(original_start), original_start)

    def next_fire(self, offset: Offset, *, since: datetime) -> Fire | None:
        """The first time, from ``since`` on, at which a reminder that far before is due."""
        fires = self._changed_fires(offset)
        regular = next_fire(self.schedule, offset, since=since)
        return self._earliest(regular, [fire for fire in fires if fire.at >= since], offset)

    def following_fire(self, offset: Offset, *, after: Fire) -> Fire | None:
        """The fire that comes after this one: later, or at the same time of a later occurrence."""
        fires = [fire for fire in self._changed_fires(offset) if _turn(fire) > _turn(after)]
        regular = following_fire(self.schedule, offset, after=after)
        return self._earliest(regular, fires, offset)

    def _earliest(self, regular: Fire | None, changed: list[Fire], offset: Offset) -> Fire | None:
        while regular is not None and regular.occurrence_start in self.overrides:
            regular = following_fire(self.schedule, offset, after=regular)
        return min(changed if regular is None else [regular, *changed], key=_turn, default=None)

    def _changed_fires(self, offset: Offset) -> list[Fire]:
        zone = self.schedule.zone
        return [
            Fire(one.original_start, offset.before(one.start, zone))
            for one in self.overrides.values()
            if not one.cancelled
        ]


_order = attrgetter("start", "original_start")
_turn = attrgetter("at", "occurrence_start")


def _happening(override: Override) -> Happening | None:
    if override.cancelled:
        return None
    return Happening(override.start, override.end, override.original_start, override)
