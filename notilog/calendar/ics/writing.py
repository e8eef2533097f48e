"""Writing calendars that other programs understand. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from icalendar.parser import Contentline, Parameters

from notilog.calendar.ics.carried import all_components, components_carried, properties_carried
from notilog.calendar.ics.exported import ExportedEvent, ExportedOverride, Person
from notilog.calendar.ics.recur import recur_of
from notilog.calendar.ics.times import Times, utc_text
from notilog.calendar.ics.values import (
    escaped,
    trigger_of,
)
from notilog.calendar.ics.vevent import VISIBILITY
from notilog.calendar.ics.vtimezone import vtimezone_lines

Method = Literal["PUBLISH", "REQUEST", "CANCEL"]

PRODID: Final = "-//NotiLog//NotiLog//EN"

_LONGEST_LINE: Final = 75
_CLASSES: Final = {"public": "PUBLIC", "busy": "CONFIDENTIAL", "private": "PRIVATE"}


def write(
    events: Iterable[ExportedEvent], *, method: Method | None = None, name: str = ""
) -> bytes:
    """A calendar file: UTF-8, lines of at most 75 bytes that end with CRLF.

    ``method`` is None for a file that is only kept; CANCEL calls off all events. ``name`` is that
    of the calendar.
    """
    cancelled = method == "CANCEL"
    all_events = [replace(event, cancelled=True) if cancelled else event for event in events]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODID}", "CALSCALE:GREGORIAN"]
    if method:
        lines.append(f"METHOD:{method}")
    if name:
        lines += [f"NAME:{escaped(name)}", f"X-WR-CALNAME:{escaped(name)}"]
    for key, first_year in sorted(_zones(all_events).items()):
        lines += vtimezone_lines(key, first_year)
    for event in all_events:
        lines += _event(event)
    return b"".join(map(_folded, (*lines, "END:VCALENDAR")))


def _zones(events: Sequence[ExportedEvent]) -> dict[str, int]:
    """The zones that times name, and the first year of each; whole decades, so that they keep."""
    first_years: dict[str, int] = {}
    for event in events:
        starts = (
            *(event.start, *(override.start for override in event.overrides)),
            *(start for start, _ in event.added),
            *(() if event.all_day else (override.original_start for override in event.overrides)),
        )
        years = [start.year - 1 for start in starts if isinstance(start, datetime)]
        if years and event.timezone != "UTC":
            year = min(years) // 10 * 10
            first_years[event.timezone] = min(year, first_years.get(event.timezone, year))
    return first_years


def _event(event: ExportedEvent) -> Iterator[str]:
    times = Times(event)
    yield from (
        "BEGIN:VEVENT",
        f"UID:{escaped(event.uid)}",
        *_stamps(event),
        *times.span(event.start, event.end),
        *times.zone_lines(),
        *_series(event, times),
        *_texts(event.name, event.description),
        *_flags(event),
        *_people(event),
    )
    if event.url:
        yield f"URL:{_plain(event.url)}"
    if event.raw:
        yield from properties_carried(
            event.raw,
            description=event.description,
            busy=event.busy,
            cancelled=event.cancelled,
            url=event.url,
            known=_known(event),
        )
    for alarm in event.alarms:
        yield from _alarm(alarm, event.name)
    if event.raw:
        yield from components_carried(event.raw, start=event.start, end=event.end, zone=times.zone)
    yield "END:VEVENT"
    for override in event.overrides:
        yield from _override(override, event, times)


def _override(override: ExportedOverride, event: ExportedEvent, times: Times) -> Iterator[str]:
    """A changed occurrence; what the file had of it, or what the series has."""
    cancelled = override.cancelled or event.cancelled
    following = ";RANGE=THISANDFUTURE" if override.this_and_following else ""
    own = replace(event, cancelled=cancelled)
    yield from (
        "BEGIN:VEVENT",
        f"UID:{escaped(event.uid)}",
        *_stamps(event),
        f"RECURRENCE-ID{following}{times.named([override.original_start])}",
        *times.span(override.start, override.end),
        *_texts(override.name, override.description),
        *_flags(own),
        *_people(own),
    )
    if override.raw:
        yield from properties_carried(
            override.raw,
            description=override.description,
            busy=event.busy,
            cancelled=cancelled,
            url="",
            known=_known(event),
        )
        yield from all_components(override.raw)
    else:
        for alarm in event.alarms:
            yield from _alarm(alarm, override.name)
    yield "END:VEVENT"


def _stamps(event: ExportedEvent) -> Iterator[str]:
    yield f"DTSTAMP:{utc_text(event.updated)}"
    if event.created is not None:
        yield f"CREATED:{utc_text(event.created)}"
    yield f"LAST-MODIFIED:{utc_text(event.updated)}"
    yield f"SEQUENCE:{event.sequence}"


def _texts(name: str, description: str) -> Iterator[str]:
    yield f"SUMMARY:{escaped(name)}"
    if description:
        yield f"DESCRIPTION:{escaped(description)}"


def _flags(event: ExportedEvent) -> Iterator[str]:
    if event.visibility is not None:
        yield f"CLASS:{_CLASSES[event.visibility]}"
    if event.visibility == "busy":
        yield f"{VISIBILITY}:busy"
    yield f"TRANSP:{'OPAQUE' if event.busy else 'TRANSPARENT'}"
    if event.cancelled:
        yield "STATUS:CANCELLED"


def _series(event: ExportedEvent, times: Times) -> Iterator[str]:
    if event.repetition is not None:
        rule = recur_of(event.repetition, event.start, zone=times.zone, all_day=event.all_day)
        if rule:
            yield f"RRULE:{rule}"
    if event.excluded:
        yield f"EXDATE{times.named(event.excluded)}"
    yield from times.added()


def _people(event: ExportedEvent) -> Iterator[str]:
    if event.author is not None:
        yield _address("ORGANIZER", event.author, {})
    for attendee in event.participants:
        asked = attendee.partstat == "NEEDS-ACTION"
        params = {
            "ROLE": "REQ-PARTICIPANT",
            "PARTSTAT": attendee.partstat,
            "RSVP": "TRUE" if asked else "FALSE",
        }
        yield _address("ATTENDEE", attendee.person, params)


def _address(name: str, person: Person, params: dict[str, str]) -> str:
    shown = _plain(person.name or person.email)
    made = Parameters({"CN": shown, **params}).to_ical(sorted=False).decode()
    return f"{name};{made}:mailto:{_plain(person.email)}"


def _known(event: ExportedEvent) -> frozenset[str]:
    people = [attendee.person for attendee in event.participants]
    return frozenset(
        address.lower() for address in (*event.left_out, *(person.email for person in people))
    )


def _alarm(offset: str, name: str) -> Iterator[str]:
    yield from (
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{escaped(name)}",
        f"TRIGGER:{trigger_of(offset)}",
        "END:VALARM",
    )


def _plain(text: str) -> str:
    """A value that is no TEXT, on one line."""
    return "".join(character for character in text if character.isprintable())


def _folded(line: str) -> bytes:
    encoded = line.encode("utf-8", "replace")
    if len(encoded) > _LONGEST_LINE:
        encoded = Contentline(encoded.decode()).to_ical()
    return encoded + b"\r\n"
