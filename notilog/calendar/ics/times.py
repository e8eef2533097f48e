"""How the times of one event are written. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from notilog.calendar.drafts import Moment
from notilog.calendar.ics.exported import ExportedEvent
from notilog.calendar.ics.values import date_text, duration_text, length_of, time_text
from notilog.calendar.ics.vevent import TIMEZONE
from notilog.calendar.wall_clock import instant_of, local_of


class Times:
    def __init__(self, event: ExportedEvent) -> None:
        self.zone = ZoneInfo(event.timezone)
        self._event = event

    def span(self, start: Moment, end: Moment) -> Iterator[str]:
        yield f"DTSTART{self._moment(start)}"
        if end != start:
            yield f"DTEND{self._moment(end)}"

    def zone_lines(self) -> Iterator[str]:
        """The zone, where DTSTART cannot say it."""
        event = self._event
        start = event.start
        said = isinstance(start, datetime) and self._has_local([start])
        if event.all_day or not (said or self.zone.key == "UTC"):
            yield f"{TIMEZONE}:{self.zone.key}"

    def named(self, originals: Sequence[datetime]) -> str:
        """Starts that name occurrences."""
        if self._event.all_day:
            days = (local_of(original, self.zone) for original in originals)
            return f";VALUE=DATE:{','.join(map(date_text, days))}"
        return self._times(originals)

    def added(self) -> Iterator[str]:
        """The added occurrences; those that last as long as the first need no end."""
        event = self._event
        duration = length_of(event.start, event.end)
        plain = [start for start, end in event.added if length_of(start, end) == duration]
        periods = [span for span in event.added if length_of(*span) != duration]
        if event.all_day:
            days = sorted({start for start, _ in event.added})
            if days:
                yield f"RDATE;VALUE=DATE:{','.join(map(date_text, days))}"
            return
        instants = [start for start in plain if isinstance(start, datetime)]
        if instants:
            yield f"RDATE{self._times(instants)}"
        for start, end in periods:
            if isinstance(start, datetime) and isinstance(end, datetime):
                length = duration_text(end - start)
                yield f"RDATE;VALUE=PERIOD:{utc_text(start)}/{length}"

    def _moment(self, moment: Moment) -> str:
        if isinstance(moment, datetime):
            return self._times([moment])
        return f";VALUE=DATE:{date_text(moment)}"

    def _times(self, instants: Sequence[datetime]) -> str:
        """Local times, or times in UTC where a local one would mean another instant."""
        if self.zone.key == "UTC" or not self._has_local(instants):
            return f":{','.join(map(utc_text, instants))}"
        locals_ = ",".join(time_text(local_of(instant, self.zone)) for instant in instants)
        return f";TZID={self.zone.key}:{locals_}"

    def _has_local(self, instants: Sequence[datetime]) -> bool:
        return all(instant_of(local_of(at, self.zone), self.zone) == at for at in instants)


def utc_text(instant: datetime) -> str:
    return f"{time_text(instant.astimezone(UTC))}Z"
