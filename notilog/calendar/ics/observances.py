"""What a VTIMEZONE says about offsets, to compare it with the zones that are known. Pure."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from notilog.calendar.ics.lines import Component, Property
from notilog.calendar.ics.malformed import MalformedCalendar
from notilog.calendar.ics.rule import rule_of
from notilog.calendar.ics.values import moment_of

# Real zones have two for each change of the law.
MOST_OBSERVANCES: Final = 500

_OFFSET: Final = 60
_ONSET_PARTS: Final = frozenset({"BYMONTH", "BYDAY", "BYMONTHDAY", "BYYEARDAY"})
_NOON: Final = 12
_DAY: Final = timedelta(days=1)

Onset = tuple[datetime, timedelta]
"""From an instant, in UTC and naive, an offset holds."""


def described_offsets(vtimezone: Component, year: int) -> tuple[timedelta, ...]:
    """The offset at noon, in UTC, of each day of a year by a VTIMEZONE.

    Raises:
        MalformedCalendar: an observance lacks something or cannot be read.
    """
    if not 0 < len(vtimezone.components) <= MOST_OBSERVANCES:
        raise MalformedCalendar.at(
            vtimezone.line, f"must have 1 to {MOST_OBSERVANCES} of STANDARD and DAYLIGHT"
        )
    onsets: list[Onset] = []
    earliest: list[Onset] = []
    for observance in vtimezone.components:
        properties = {found.name: found for found in observance.properties()}
        try:
            start, before, after = _plain(properties)
            starts = [start, *_dates(observance), *_repeated(properties.get("RRULE"), start, year)]
        except (KeyError, ValueError) as error:
            raise MalformedCalendar.at(observance.line, f"cannot be read: {error}") from error
        onsets += [(onset - before, after) for onset in starts]
        earliest.append((start - before, before))
    return _swept(sorted(onsets), min(earliest)[1], year)


def zone_offsets(zone: ZoneInfo, year: int) -> tuple[timedelta, ...]:
    """The same of a known zone."""
    return tuple(
        noon.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()
        for noon in _noons(year)
    )


def _swept(onsets: list[Onset], offset: timedelta, year: int) -> tuple[timedelta, ...]:
    found: list[timedelta] = []
    position = 0
    for noon in _noons(year):
        while position < len(onsets) and onsets[position][0] <= noon:
            offset = onsets[position][1]
            position += 1
        found.append(offset)
    return tuple(found)


def _noons(year: int) -> Iterator[datetime]:
    noon = datetime(year, 1, 1, _NOON)  # noqa: DTZ001 -- UTC, naive
    while noon.year == year:
        yield noon
        noon += _DAY


def _plain(properties: dict[str, Property]) -> tuple[datetime, timedelta, timedelta]:
    start = properties["DTSTART"].value
    before, after = (properties[name].value for name in ("TZOFFSETFROM", "TZOFFSETTO"))
    # Windows begins time in 1601; only the order matters that long ago.
    year = max(start[:4], "1900") if start[:4].isdigit() else start[:4]
    return moment_of(year + start[4:]).local, _offset(before), _offset(after)


def _dates(observance: Component) -> list[datetime]:
    texts = (found.value for found in observance.properties() if found.name == "RDATE")
    return [moment_of(text).local for value in texts for text in value.split(",")]


def _repeated(prop: Property | None, start: datetime, year: int) -> list[datetime]:
    """The onsets of that year and the year before."""
    if prop is None or start.year > year:
        return []
    rule = rule_of(prop.value)
    if rule.freq != "YEARLY" or rule.interval > 1 or not rule.by.keys() <= _ONSET_PARTS:
        raise ValueError("the RRULE of a time zone must be a plain yearly one")
    if start.year < year - 1:
        # Nothing before these years is wanted, and it would take long to get there.
        says_day = bool(rule.by.keys() - {"BYMONTH"})
        first_day = 1 if says_day else min(start.day, monthrange(year - 1, start.month)[1])
        month = 1 if says_day and "BYMONTH" in rule.by else start.month
        start = start.replace(year=year - 1, month=month, day=first_day)
    last = rule.until.local + _DAY if rule.until else datetime.max  # noqa: DTZ901 -- UTC, naive
    first_of_next = datetime(year + 1, 1, 1)  # noqa: DTZ001 -- a wall clock
    found = rrulestr(rule.text, dtstart=start).between(start, first_of_next, inc=True)
    return [at for at in found if at <= last]


def _offset(text: str) -> timedelta:
    text = text.strip()
    sign, digits = text[:1], text[1:]
    if sign not in {"+", "-"} or not digits.isascii() or not digits.isdigit():
        raise ValueError("an offset must be like +0100")
    hours, minutes = int(digits[:2]), int(digits[2:4] or 0)
    if hours >= _OFFSET or minutes >= _OFFSET:
        raise ValueError("an offset must be like +0100")
    return timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
