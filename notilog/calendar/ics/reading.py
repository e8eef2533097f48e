"""Reading what other programs export: Google, Outlook and Exchange, Apple, and the rest. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from notilog.calendar.ics.effort import Effort, TooMuchWork
from notilog.calendar.ics.imported import ImportedEvent, ImportedOverride
from notilog.calendar.ics.lines import Component, Property, calendars_of
from notilog.calendar.ics.malformed import MOST_PROBLEMS, MalformedCalendar, Problem
from notilog.calendar.ics.repetitions import Repeats, repeats_of
from notilog.calendar.ics.rule import rule_of
from notilog.calendar.ics.values import midnight
from notilog.calendar.ics.vevent import Vevent, vevent_of
from notilog.calendar.ics.zones import Zones, zone_like
from notilog.calendar.wall_clock import instant_of, local_of

MOST_EVENTS: Final = 10_000
MOST_ZONES: Final = 500
MOST_DATES: Final = 5_000

Found = TypeVar("Found")


@dataclass(slots=True)
class _Series:
    """The components of one UID: the series itself, if there, and its changed occurrences."""

    master: Vevent | None = None
    changed: list[Vevent] = field(default_factory=list)


def read(text: bytes, *, floating: ZoneInfo) -> list[ImportedEvent]:
    """The events of a file, in its order.

    ``floating`` is the zone of times that name none, unless the file has an X-WR-TIMEZONE. Of two
    versions of one event the one with the higher SEQUENCE counts. An occurrence whose series is not
    in the file becomes an event of its own; its UID is that of the series and its original start.

    Raises:
        MalformedCalendar: with the first problems that were found, and their lines.
    """
    problems: list[Problem] = []
    events: list[ImportedEvent] = []
    effort = Effort()
    calendars = calendars_of(text)
    _check_counts(calendars)
    for calendar in calendars:
        for series in _series_of(calendar, floating, problems):
            try:
                events += _imported(series, effort)
            except MalformedCalendar as malformed:
                problems += malformed.problems
            if len(problems) >= MOST_PROBLEMS:
                break
    if problems:
        raise MalformedCalendar(problems)
    return events


def _check_counts(calendars: list[Component]) -> None:
    events = zones = 0
    for component in (part for calendar in calendars for part in calendar.components):
        events += component.name == "VEVENT"
        zones += component.name == "VTIMEZONE"
        if events > MOST_EVENTS:
            raise MalformedCalendar.at(component.line, f"more than {MOST_EVENTS} events")
        if zones > MOST_ZONES:
            raise MalformedCalendar.at(component.line, f"more than {MOST_ZONES} time zones")
    if not events:
        raise MalformedCalendar.at(calendars[0].line, "the calendar has no events")


def _series_of(
    calendar: Component, floating: ZoneInfo, problems: list[Problem]
) -> Iterable[_Series]:
    properties = {prop.name: prop for prop in calendar.properties()}
    if "VERSION" in properties and properties["VERSION"].value.strip() == "1.0":
        line = properties["VERSION"].line
        raise MalformedCalendar.at(line, "must be iCalendar 2.0, not vCalendar 1.0")
    if "X-WR-TIMEZONE" in properties:
        floating = zone_like(properties["X-WR-TIMEZONE"].value) or floating
    vtimezones = [part for part in calendar.components if part.name == "VTIMEZONE"]
    zones = Zones(vtimezones, floating=floating)
    cancels = "METHOD" in properties and properties["METHOD"].value.strip().upper() == "CANCEL"
    series: dict[str, _Series] = {}
    for component in calendar.components:
        if component.name != "VEVENT" or len(problems) >= MOST_PROBLEMS:
            continue
        try:
            vevent = vevent_of(component, zones, cancels=cancels)
        except MalformedCalendar as malformed:
            problems += malformed.problems
            continue
        of_uid = series.setdefault(vevent.uid, _Series())
        if vevent.one("RECURRENCE-ID"):
            of_uid.changed.append(vevent)
        elif of_uid.master is None or vevent.sequence >= of_uid.master.sequence:
            of_uid.master = vevent
    return series.values()


def _imported(series: _Series, effort: Effort) -> Iterator[ImportedEvent]:
    if series.master is not None:
        yield _event(series.master, series.changed, effort)
        return
    for (original_start, _), vevent in _newest(series.changed).items():
        event = _event(vevent, [], effort)
        yield replace(event, uid=f"{event.uid}/{original_start:%Y%m%dT%H%M%SZ}")


def _event(vevent: Vevent, changed: list[Vevent], effort: Effort) -> ImportedEvent:
    repeats = _repeats(vevent, effort)
    return ImportedEvent(
        uid=vevent.uid,
        sequence=vevent.sequence,
        name=vevent.text("SUMMARY"),
        description=vevent.text("DESCRIPTION"),
        location=vevent.text("LOCATION"),
        start=vevent.starts,
        end=vevent.ends(),
        timezone=vevent.zone.key,
        all_day=vevent.all_day,
        visibility=vevent.visibility,
        busy=vevent.value("TRANSP").upper() != "TRANSPARENT",
        cancelled=vevent.cancelled,
        repetition=repeats.repetition if repeats else None,
        excluded=_excluded(vevent, repeats),
        added=_limited(vevent, "RDATE", tuple(sorted(set(vevent.added())))),
        overrides=tuple(
            _override(one, original_start, master=vevent)
            for (original_start, _), one in _newest(changed, master=vevent).items()
        ),
        notifications=vevent.notifications(),
        attendees=vevent.attendees(),
        organizer=vevent.organizer(),
        raw=vevent.raw,
    )


def _newest(
    changed: list[Vevent], *, master: Vevent | None = None
) -> dict[tuple[datetime, bool], Vevent]:
    """The last version of each changed occurrence, by its original start."""
    newest: dict[tuple[datetime, bool], Vevent] = {}
    for vevent in changed:
        prop = vevent.one("RECURRENCE-ID")
        if prop is None:
            continue
        start = vevent.original_start(prop, prop.value, master or vevent)
        key = (start, _and_following(prop))
        if key not in newest or vevent.sequence >= newest[key].sequence:
            newest[key] = vevent
    return newest


def _override(vevent: Vevent, original_start: datetime, *, master: Vevent) -> ImportedOverride:
    prop = vevent.one("RECURRENCE-ID")
    return ImportedOverride(
        original_start=original_start,
        this_and_following=prop is not None and _and_following(prop),
        cancelled=vevent.cancelled,
        start=vevent.starts,
        end=vevent.ends(),
        name=vevent.text("SUMMARY") if vevent.one("SUMMARY") else master.text("SUMMARY"),
        description=vevent.text("DESCRIPTION"),
        raw=vevent.raw,
    )


def _and_following(prop: Property) -> bool:
    return prop.params.get("RANGE", "").upper() == "THISANDFUTURE"


def _repeats(vevent: Vevent, effort: Effort) -> Repeats | None:
    rules = vevent.all("RRULE")
    for unsupported in (*rules[1:], *vevent.all("EXRULE")):
        raise MalformedCalendar.at(
            unsupported.line, "an event with several rules or an EXRULE is not supported"
        )
    if not rules:
        return None
    prop = rules[0]
    starts = vevent.starts
    local = local_of(starts, vevent.zone) if isinstance(starts, datetime) else midnight(starts)
    try:
        return repeats_of(
            rule_of(prop.value), local, zone=vevent.zone, all_day=vevent.all_day, effort=effort
        )
    except ValueError as error:
        raise MalformedCalendar.at(prop.line, f"RRULE cannot be used: {error}") from error
    except TooMuchWork as error:
        reason = "the rules of the file take too long; use UNTIL instead of COUNT"
        raise MalformedCalendar.at(prop.line, reason) from error


def _excluded(vevent: Vevent, repeats: Repeats | None) -> tuple[datetime, ...]:
    named = (vevent.original_start(prop, text, vevent) for prop, text in vevent.dates("EXDATE"))
    beyond = (instant_of(local, vevent.zone) for local in (repeats.beyond if repeats else ()))
    return _limited(vevent, "EXDATE", tuple(sorted({*named, *beyond})))


def _limited(vevent: Vevent, name: str, found: tuple[Found, ...]) -> tuple[Found, ...]:
    if len(found) > MOST_DATES:
        raise MalformedCalendar.at(vevent.line, f"the event has more than {MOST_DATES} {name}")
    return found
