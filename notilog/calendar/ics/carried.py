"""What an imported event had that we cannot express, kept for its export. Pure."""

from typing import Final
from zoneinfo import ZoneInfo

from notilog.calendar.drafts import Moment
from notilog.calendar.ics.lines import Component, Property, calendars_of
from notilog.calendar.ics.malformed import MalformedCalendar
from notilog.calendar.ics.values import text_of
from notilog.calendar.ics.vevent import TIMEZONE, VISIBILITY, address_of, alarm_offset

# What our own columns say, or what follows from them.
_OURS: Final = frozenset(
    (
        *("UID", "SEQUENCE", "DTSTAMP", "CREATED", "LAST-MODIFIED", "RECURRENCE-ID"),
        *("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE"),
        *("SUMMARY", "DESCRIPTION", "CLASS", "TRANSP", "ORGANIZER"),
        *(TIMEZONE, VISIBILITY, "X-MICROSOFT-CDO-ALLDAYEVENT"),
    )
)


def properties_carried(
    raw: str, *, description: str, busy: bool, cancelled: bool, url: str, known: frozenset[str]
) -> list[str]:
    """The properties of a raw VEVENT that still hold, as content lines.

    Left out is what an attribute expresses, and what repeats it in other words once it differs: the
    HTML of a changed description, the status of a time that is free now. ``known`` are addresses in
    small letters that the event itself speaks of.
    """
    properties = _properties(_component(raw))
    stale = {name for name, is_stale in (("STATUS", cancelled), ("URL", bool(url))) if is_stale}
    if description != "".join(text_of(p.value) for p, _ in properties if p.name == "DESCRIPTION"):
        stale.add("X-ALT-DESC")
    return [
        text
        for prop, text in properties
        if prop.name not in _OURS and prop.name not in stale and not _denied(prop, busy, known)
    ]


def components_carried(raw: str, *, start: Moment, end: Moment, zone: ZoneInfo) -> list[str]:
    """The components of a raw VEVENT, without alarms that are an offset before the start."""
    component = _component(raw)
    parts = component.components if component else []
    return [
        text for part in parts if not _is_offset(part, start, end, zone) for text in part.texts()
    ]


def all_components(raw: str) -> list[str]:
    """The components of a raw VEVENT."""
    component = _component(raw)
    return [text for part in (component.components if component else ()) for text in part.texts()]


def _denied(prop: Property, busy: bool, known: frozenset[str]) -> bool:  # noqa: FBT001 -- private
    """Whether the event itself says otherwise."""
    value = prop.value.strip().upper()
    match prop.name:
        case "ATTENDEE":
            return address_of(prop).lower() in known
        case "STATUS":
            return value == "CANCELLED"
        case "X-MICROSOFT-CDO-BUSYSTATUS":
            return (value == "FREE") == busy
        case _:
            return False


def _is_offset(part: Component, start: Moment, end: Moment, zone: ZoneInfo) -> bool:
    if part.name != "VALARM":
        return False
    try:
        return alarm_offset(part, start, end, zone) is not None
    except MalformedCalendar:
        return True


def _component(raw: str) -> Component | None:
    """The VEVENT of a raw text; None of anything else, which must not break an export."""
    try:
        (calendar,) = calendars_of(f"BEGIN:VCALENDAR\n{raw}\nEND:VCALENDAR".encode())
    except (MalformedCalendar, ValueError):
        return None
    return calendar.components[0] if calendar.components else None


def _properties(component: Component | None) -> list[tuple[Property, str]]:
    try:
        properties = component.properties() if component else []
    except MalformedCalendar:
        return []
    lines = component.lines if component else []
    return [(prop, line.text) for prop, line in zip(properties, lines, strict=True)]
