"""Which IANA zone a TZID means, whoever wrote it. Pure.

Outlook writes names of Windows or texts from its list of zones, Mozilla and others a path that ends
in the IANA name, Exchange whatever its user typed. The last resort is the VTIMEZONE itself.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from notilog.calendar.ics.lines import Component, Property, shown
from notilog.calendar.ics.malformed import MalformedCalendar
from notilog.calendar.ics.observances import described_offsets, zone_offsets
from notilog.zones import zone_named

# How many zones of a file may be found by their offsets, which takes long.
MOST_MATCHED: Final = 20

# A name is looked up from each of its slashes on.
_LONGEST_NAME: Final = 200
# The offsets of a few years of each candidate.
_KEPT: Final = 1000

_DISPLAY: Final = re.compile(
    r"\((?:UTC|GMT)\s*(?:([+-])(\d{1,2})[:.](\d{2}))?\)\s*(.*)", re.IGNORECASE
)
# Entries of the lists of Windows and Outlook that name no city.
_REGIONS: Final = {
    "alaska": "America/Anchorage",
    "arizona": "America/Phoenix",
    "atlantic time (canada)": "America/Halifax",
    "central america": "America/Guatemala",
    "central time (us & canada)": "America/Chicago",
    "coordinated universal time": "UTC",
    "eastern time (us & canada)": "America/New_York",
    "greenwich mean time": "Europe/London",
    "hawaii": "Pacific/Honolulu",
    "indiana (east)": "America/Indiana/Indianapolis",
    "mountain time (us & canada)": "America/Denver",
    "newfoundland": "America/St_Johns",
    "pacific time (us & canada)": "America/Los_Angeles",
    "saskatchewan": "America/Regina",
    "chennai": "Asia/Kolkata",
    "beijing": "Asia/Shanghai",
    "st. petersburg": "Europe/Moscow",
}
# Of zones with the same offsets the first one is taken: where most people live.
_LIKELY: Final = (
    *("UTC", "Europe/London", "Europe/Berlin", "Europe/Athens", "Europe/Moscow"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("America/Sao_Paulo", "America/Phoenix", "America/Halifax", "Asia/Kolkata"),
    *("Asia/Shanghai", "Asia/Tokyo", "Asia/Dubai", "Asia/Karachi", "Asia/Bangkok"),
    *("Australia/Sydney", "Australia/Brisbane", "Pacific/Auckland", "Africa/Lagos"),
)


class Zones:
    """The zones of one calendar: ``floating`` is meant where none is named."""

    def __init__(self, vtimezones: Iterable[Component], *, floating: ZoneInfo) -> None:
        self.floating = floating
        self._known: dict[str, ZoneInfo] = {}
        self._defined: dict[str, Component] = {}
        for component in vtimezones:
            tzid = _value(component, "TZID")
            if tzid is not None:
                self._defined[tzid.strip()] = component
        self._matches_left = MOST_MATCHED

    def of(self, prop: Property, year: int) -> ZoneInfo:
        """The zone of a property that has no UTC time; ``year`` is that of its value.

        Raises:
            MalformedCalendar: no IANA zone is like the one it names.
        """
        tzid = prop.params.get("TZID", "").strip()
        if not tzid:
            return self.floating
        if tzid not in self._known:
            zone = zone_like(tzid) or self._defined_as(tzid, year)
            if zone is None:
                raise MalformedCalendar.at(prop.line, f"unknown time zone {shown(tzid)}")
            self._known[tzid] = zone
        return self._known[tzid]

    def _defined_as(self, tzid: str, year: int) -> ZoneInfo | None:
        component = self._defined.get(tzid)
        if component is None:
            return None
        location = _value(component, "X-LIC-LOCATION")
        named = location and zone_like(location)
        if named or not self._matches_left:
            return named or None
        self._matches_left -= 1
        offsets = described_offsets(component, year)
        return next(
            (ZoneInfo(key) for key in _candidates() if _offsets(key, year) == offsets), None
        )


def zone_like(name: str) -> ZoneInfo | None:
    """The zone of an IANA, a Windows or a displayed name, or of a path that ends in one."""
    name = name.strip().strip('"')
    known = _by_name().get(name.casefold())
    if known is not None:
        return zone_named(known)
    displayed = _DISPLAY.fullmatch(name)
    if displayed is not None:
        return _displayed(displayed)
    _, slash, rest = name.partition("/")
    return zone_like(rest) if slash and len(name) < _LONGEST_NAME else None


@cache
def _by_name() -> dict[str, str]:
    names = {"z": "UTC", **_REGIONS}
    names |= {name.casefold(): key for name, key in WINDOWS_TO_OLSON.items()}
    for key in sorted(available_timezones()):
        try:
            names[key.casefold()] = zone_named(key).key
        except ValueError:
            continue
    return names


def _displayed(found: re.Match[str]) -> ZoneInfo | None:
    """The zone of a text such as ``(UTC+01:00) Amsterdam, Berlin``, if the offset is right."""
    sign, hours, minutes, places = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (
        -1 if sign == "-" else 1
    )
    for place in places.split(","):
        word = place.strip().casefold()
        key = _REGIONS.get(word) or _cities().get(word) or _by_name().get(word)
        if key is not None and _standard_offset(key) == offset:
            return zone_named(key)
    return None


@cache
def _cities() -> dict[str, str]:
    keys = [key for key in available_timezones() if "/" in key and not key.startswith("Etc/")]
    return {
        key.rpartition("/")[2].replace("_", " ").casefold(): key
        for key in sorted(keys, key=lambda key: (key.count("/"), key), reverse=True)
    }


@cache
def _standard_offset(key: str) -> timedelta | None:
    """The lesser of the offsets in winter and in summer, as these texts show it."""
    zone = ZoneInfo(key)
    seasons = (datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in (1, 7))
    return min((offset for offset in seasons if offset is not None), default=None)


@cache
def _candidates() -> tuple[str, ...]:
    fixed = (f"Etc/GMT{hours:+d}" for hours in range(-14, 13) if hours)
    return tuple(dict.fromkeys([*_LIKELY, *sorted(WINDOWS_TO_OLSON.values()), *fixed]))


@lru_cache(_KEPT)
def _offsets(key: str, year: int) -> tuple[timedelta, ...]:
    return zone_offsets(ZoneInfo(key), year)


def _value(component: Component, name: str) -> str | None:
    return next((found.value for found in component.properties() if found.name == name), None)
