"""One VEVENT: its properties, and the instants that they mean. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from notilog.calendar.drafts import LATEST_YEAR, Moment, Visibility
from notilog.calendar.ics.lines import Component, Property, shown
from notilog.calendar.ics.malformed import MalformedCalendar
from notilog.calendar.ics.values import (
    Written,
    duration_of,
    length_of,
    midnight,
    moment_of,
    offset_between,
    offset_of,
    text_of,
)
from notilog.calendar.ics.zones import Zones, zone_like
from notilog.calendar.wall_clock import instant_of, local_of

# Ours, for what RFC 5545 has no word for.
VISIBILITY: Final = "X-NOTILOG-VISIBILITY"
TIMEZONE: Final = "X-NOTILOG-TIMEZONE"

LARGEST_SEQUENCE: Final = 2**31 - 1

_DAY: Final = timedelta(days=1)
_VISIBILITIES: Final[dict[str, Visibility]] = {"PRIVATE": "private", "CONFIDENTIAL": "private"}
_MAILTO: Final = "mailto:"

Value = TypeVar("Value")


@dataclass(slots=True)
class Vevent:
    """A VEVENT that has at least a UID and a DTSTART."""

    component: Component
    zones: Zones
    uid: str
    start: Written
    zone: ZoneInfo
    cancelled: bool
    _by_name: dict[str, list[Property]] = field(repr=False)

    @property
    def line(self) -> int:
        return self.component.line

    @property
    def raw(self) -> str:
        return "\n".join(self.component.texts())

    @property
    def all_day(self) -> bool:
        return self.start.is_date

    @property
    def sequence(self) -> int:
        text = self.value("SEQUENCE") or "0"
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0  # noqa: PLR2004 -- digits of the largest
        return min(number, LARGEST_SEQUENCE)

    @property
    def visibility(self) -> Visibility:
        if self.value(VISIBILITY).lower() == "busy":
            return "busy"
        return _VISIBILITIES.get(self.value("CLASS").upper(), "public")

    def all(self, name: str) -> list[Property]:
        return self._by_name.get(name, [])

    def one(self, name: str) -> Property | None:
        """The property, of which the last counts if it stands there twice."""
        return self.all(name)[-1] if name in self._by_name else None

    def value(self, name: str) -> str:
        found = self.one(name)
        return found.value.strip() if found else ""

    def text(self, name: str) -> str:
        found = self.one(name)
        return text_of(found.value) if found else ""

    @property
    def starts(self) -> Moment:
        return self.start.local.date() if self.all_day else self.instant(self.start, self.zone)

    def ends(self) -> Moment:
        """The end by DTEND or DURATION; without them a day or no time at all.

        Raises:
            MalformedCalendar: it is before the start, or not of the same kind.
        """
        prop = self.one("DTEND")
        if prop is None:
            return self._after_duration()
        written = _read(prop, moment_of)
        if written.is_date != self.all_day:
            raise MalformedCalendar.at(prop.line, "DTEND must be a date if DTSTART is, or a time")
        if self.all_day:
            return self._checked_end(prop, written.local.date())
        return self._checked_end(prop, self.instant(written, self.zone_of(prop, written)))

    def _after_duration(self) -> Moment:
        prop = self.one("DURATION")
        if prop is None:
            return self.start.local.date() + _DAY if self.all_day else self.starts
        duration = _read(prop, duration_of)
        if self.all_day:
            return self._checked_end(prop, (self.start.local + duration.total).date())
        begins = self.instant(self.start, self.zone)
        if duration.days:
            moved = local_of(begins, self.zone) + timedelta(days=duration.days)
            begins = instant_of(moved, self.zone)
        return self._checked_end(prop, begins + duration.exact)

    def _checked_end(self, prop: Property, end: Moment) -> Moment:
        start = self.starts
        if end.year > LATEST_YEAR:
            raise MalformedCalendar.at(prop.line, f"the event ends after the year {LATEST_YEAR}")
        if end < start:
            raise MalformedCalendar.at(prop.line, "the event ends before it starts")
        # Some programs write the only day of an event as its end too.
        return start + _DAY if self.all_day and end == start else end

    def zone_of(self, prop: Property, written: Written) -> ZoneInfo:
        return ZoneInfo("UTC") if written.is_utc else self.zones.of(prop, written.local.year)

    @staticmethod
    def instant(written: Written, zone: ZoneInfo) -> datetime:
        return (
            written.local.replace(tzinfo=UTC) if written.is_utc else instant_of(written.local, zone)
        )

    def original_start(self, prop: Property, text: str, master: "Vevent") -> datetime:
        """The start of an occurrence that EXDATE or RECURRENCE-ID names.

        A date means the occurrence of that day, a time in an all-day series that day's.
        """
        written = _valued(prop, text, moment_of)
        if master.all_day:
            return instant_of(midnight(written.local.date()), master.zone)
        if written.is_date:
            start = local_of(self.instant(master.start, master.zone), master.zone)
            return instant_of(datetime.combine(written.local, start.time()), master.zone)
        return self.instant(written, self.zone_of(prop, written))

    def dates(self, name: str) -> Iterator[tuple[Property, str]]:
        """Each value of properties that have lists."""
        for prop in self.all(name):
            yield from ((prop, text) for text in prop.value.split(",") if text.strip())

    def added(self) -> Iterator[tuple[Moment, Moment]]:
        """The occurrences that RDATE adds; those without an end of their own last as the first."""
        duration = length_of(self.starts, self.ends())
        for prop, text in self.dates("RDATE"):
            first, slash, last = text.partition("/")
            written = _valued(prop, first, moment_of)
            if self.all_day:
                day = written.local.date()
                yield day, day + duration
                continue
            begins = self._added_start(prop, written)
            yield begins, self._period_end(prop, begins, last) if slash else begins + duration

    def _added_start(self, prop: Property, written: Written) -> datetime:
        if written.is_date:
            start = local_of(self.instant(self.start, self.zone), self.zone)
            return instant_of(datetime.combine(written.local, start.time()), self.zone)
        return self.instant(written, self.zone_of(prop, written))

    def _period_end(self, prop: Property, begins: datetime, text: str) -> datetime:
        if text.strip()[:1] in {"P", "p", "+"}:
            end = begins + _valued(prop, text, duration_of).total
        else:
            written = _valued(prop, text, moment_of)
            end = self.instant(written, self.zone_of(prop, written))
        if end < begins:
            raise MalformedCalendar.at(prop.line, "the period ends before it starts")
        return end

    def notifications(self) -> tuple[str, ...]:
        """The alarms that can be said as an offset before the start."""
        alarms = (part for part in self.component.components if part.name == "VALARM")
        offsets = (alarm_offset(alarm, self.starts, self.ends(), self.zone) for alarm in alarms)
        return tuple(dict.fromkeys(offset for offset in offsets if offset is not None))

    def attendees(self) -> tuple[tuple[str, str], ...]:
        found = {
            address: prop.params.get("PARTSTAT", "NEEDS-ACTION").upper()
            for prop in self.all("ATTENDEE")
            if (address := address_of(prop))
        }
        return tuple(found.items())

    def organizer(self) -> str:
        prop = self.one("ORGANIZER")
        return address_of(prop) if prop else ""


def vevent_of(component: Component, zones: Zones, *, cancels: bool = False) -> Vevent:
    """Read the properties of a VEVENT; ``cancels`` when its calendar calls off all it has.

    Raises:
        MalformedCalendar: one cannot be read, or UID or DTSTART is missing.
    """
    by_name: dict[str, list[Property]] = {}
    for prop in component.properties():
        by_name.setdefault(prop.name, []).append(prop)
    uid = text_of(by_name["UID"][-1].value).strip() if "UID" in by_name else ""
    if not uid:
        raise MalformedCalendar.at(component.line, "the event has no UID")
    if "DTSTART" not in by_name:
        raise MalformedCalendar.at(component.line, "the event has no DTSTART")
    prop = by_name["DTSTART"][-1]
    start = _read(prop, moment_of)
    zone = zones.floating
    if not start.is_date:
        zone = ZoneInfo("UTC") if start.is_utc else zones.of(prop, start.local.year)
    if (start.is_date or start.is_utc) and TIMEZONE in by_name:
        zone = zone_like(by_name[TIMEZONE][-1].value) or zone
    status = by_name["STATUS"][-1].value.strip().upper() if "STATUS" in by_name else ""
    cancelled = cancels or status == "CANCELLED"
    return Vevent(component, zones, uid, start, zone, cancelled, by_name)


def address_of(prop: Property) -> str:
    """The e-mail address of an ATTENDEE or ORGANIZER, or empty."""
    value = prop.value.strip()
    if value[: len(_MAILTO)].lower() == _MAILTO:
        return value[len(_MAILTO) :].strip()
    return prop.params.get("EMAIL", "")


def alarm_offset(alarm: Component, start: Moment, end: Moment, zone: ZoneInfo) -> str | None:
    """How long before the start an alarm rings, or None if no offset says that.

    Raises:
        MalformedCalendar: its trigger cannot be read.
    """
    properties = {prop.name: prop for prop in alarm.properties()}
    trigger = properties.get("TRIGGER")
    action = properties.get("ACTION")
    if trigger is None or (action is not None and action.value.strip().upper() == "NONE"):
        return None
    starts, ends = (
        moment if isinstance(moment, datetime) else instant_of(midnight(moment), zone)
        for moment in (start, end)
    )
    if not trigger.value.strip().upper().lstrip("+-").startswith("P"):
        written = _alarm_value(trigger)
        return offset_between(written.local.replace(tzinfo=UTC), starts) if written else None
    if trigger.params.get("RELATED", "").upper() != "END":
        return _read(trigger, offset_of)
    before_end = _read(trigger, duration_of)
    return offset_between(ends + before_end.total, starts)


def _alarm_value(trigger: Property) -> Written | None:
    """An absolute trigger; Apple writes one long ago for "none"."""
    written = _read(trigger, moment_of)
    return written if written.is_utc else None


def _read(prop: Property, read: Callable[[str], Value]) -> Value:
    return _valued(prop, prop.value, read)


def _valued(prop: Property, text: str, read: Callable[[str], Value]) -> Value:
    """A value that is read from all or a part of a property."""
    try:
        return read(text)
    except ValueError as error:
        reason = f"{prop.name} {error}, not {shown(text)}"
        raise MalformedCalendar.at(prop.line, reason) from error
