"""An imported series that goes on in another way from some occurrence on (RANGE=THISANDFUTURE).

It is cut into parts, each of which is a series of its own with a UID that does not change when the
file comes again.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise

from notilog.calendar.drafts import imported_schedule, instant_in
from notilog.calendar.ics.imported import ImportedEvent, ImportedOverride
from notilog.calendar.occurrences import Schedule, is_occurrence
from notilog.calendar.overrides import local_start
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of, local_of

ORIGINAL = "%Y%m%dT%H%M%SZ"
PART = "/[0-9]{8}T[0-9]{6}Z$"
"""What the UID of a part of a series has after that of the series."""
PART_LENGTH = 17


@dataclass(frozen=True, slots=True)
class Part:
    """A series, or as much of it as goes on in one way: up to the occurrence ``until``."""

    event: ImportedEvent
    until: datetime | None = None


def schedule_of_import(event: ImportedEvent) -> Schedule:
    return imported_schedule(
        event.start,
        event.end,
        timezone=event.timezone,
        all_day=event.all_day,
        repetition=event.repetition,
    )


def parts_of(event: ImportedEvent) -> list[Part]:
    """The series up to each occurrence from which on it is another one, and that from there on."""
    schedule = schedule_of_import(event)
    turns = sorted(
        (
            one
            for one in event.overrides
            if one.this_and_following and is_occurrence(schedule, one.original_start)
        ),
        key=lambda one: one.original_start,
    )
    if event.cancelled or not turns:
        return [Part(event)]
    rest = replace(event, overrides=tuple(one for one in event.overrides if one not in turns))
    bounds = [*(one.original_start for one in turns), None]
    parts = [Part(_between(rest, None, bounds[0], schedule), bounds[0])]
    for turn, (since, until) in zip(turns, pairwise(bounds), strict=True):
        moved = _Moved(schedule, turn)
        uid = f"{event.uid}/{turn.original_start:{ORIGINAL}}"
        continued = moved.event(_between(rest, since, until, schedule), uid=uid)
        parts.append(Part(continued, until and moved.instant(until)))
    if turns[0].original_start == schedule.starts_at:
        first = parts[1]
        return [Part(replace(first.event, uid=event.uid), first.until), *parts[2:]]
    return parts


def _between(
    event: ImportedEvent, since: datetime | None, until: datetime | None, schedule: Schedule
) -> ImportedEvent:
    """The event with only those exceptions that are meant for these original starts."""

    def has(original: datetime) -> bool:
        return (since is None or original >= since) and (until is None or original < until)

    return replace(
        event,
        excluded=tuple(start for start in event.excluded if has(start)),
        added=tuple(span for span in event.added if has(instant_in(span[0], schedule.zone))),
        overrides=tuple(one for one in event.overrides if has(one.original_start)),
    )


class _Moved:
    """What an occurrence changes of all that follow: words, length, and by how far they move."""

    def __init__(self, schedule: Schedule, turn: ImportedOverride) -> None:
        self._zone = schedule.zone
        self._turn = turn
        start = local_of(instant_in(turn.start, self._zone), self._zone)
        original = local_start(schedule, turn.original_start)
        self._distance = start - original
        self._days = start.date() - original.date()

    def instant(self, original: datetime) -> datetime:
        return instant_of(local_of(original, self._zone) + self._distance, self._zone)

    def event(self, event: ImportedEvent, *, uid: str) -> ImportedEvent:
        turn = self._turn
        return replace(
            event,
            uid=uid,
            cancelled=turn.cancelled,
            start=turn.start,
            end=turn.end,
            all_day=not isinstance(turn.start, datetime),
            name=turn.name,
            description=turn.description,
            raw=turn.raw,
            repetition=event.repetition and self._repetition(event.repetition),
            excluded=tuple(map(self.instant, event.excluded)),
            added=tuple((self._added(start), self._added(end)) for start, end in event.added),
            overrides=tuple(
                replace(one, original_start=self.instant(one.original_start))
                for one in event.overrides
            ),
        )

    def _added(self, moment: date) -> datetime:
        return self.instant(instant_in(moment, self._zone))

    def _repetition(self, repetition: Repetition) -> Repetition:
        due_date = repetition.due_date
        days = sorted((day + self._days.days) % 7 for day in repetition.weekly_days)
        return replace(
            repetition, due_date=due_date and due_date + self._days, weekly_days=tuple(days)
        )
