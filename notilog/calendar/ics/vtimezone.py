"""VTIMEZONE components for zones of the IANA database. Pure.

Those of icalendar end at some date; a series may not. Here a change of the clocks that comes back
each year is a rule without an end.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from notilog.calendar.ics.rule import WEEKDAYS
from notilog.calendar.ics.values import time_text

# As far as changes are looked for; those that come back each year until then go on for ever.
_LAST_YEAR: Final = 2037
_RULE_YEARS: Final = 8
_STEP: Final = timedelta(days=5)
_MINUTE: Final = timedelta(minutes=1)
_WEEK: Final = 7
_KEPT: Final = 500


@dataclass(frozen=True, slots=True)
class _Kind:
    """The clocks go from one offset to another."""

    before: timedelta
    after: timedelta
    name: str
    daylight: bool


@lru_cache(_KEPT)
def vtimezone_lines(key: str, first_year: int) -> tuple[str, ...]:
    """The content lines that describe a zone from a year on."""
    last_year = max(_LAST_YEAR, first_year + _RULE_YEARS)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{key}"]
    for kind, onsets in _changes(ZoneInfo(key), first_year, last_year).items():
        rule, repeated = _yearly(onsets, last_year)
        single = onsets[: len(onsets) - repeated]
        if single:
            lines += _observance(kind, single)
        if repeated:
            lines += [*_observance(kind, onsets[-repeated:][:1], rule)]
    return (*lines, "END:VTIMEZONE")


def _observance(kind: _Kind, onsets: list[datetime], rule: str = "") -> list[str]:
    name = "DAYLIGHT" if kind.daylight else "STANDARD"
    first, *others = map(time_text, onsets)
    return [
        f"BEGIN:{name}",
        f"DTSTART:{first}",
        *([f"RDATE:{','.join(others)}"] if others else []),
        *([f"RRULE:{rule}"] if rule else []),
        f"TZNAME:{kind.name}",
        f"TZOFFSETFROM:{_offset_text(kind.before)}",
        f"TZOFFSETTO:{_offset_text(kind.after)}",
        f"END:{name}",
    ]


def _changes(zone: ZoneInfo, first_year: int, last_year: int) -> dict[_Kind, list[datetime]]:
    """The onsets of each kind of change, local by the offset before; the first year's beginning."""
    at = datetime(first_year, 1, 1, tzinfo=UTC) - timedelta(days=1)
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    offset = _offset(zone, at)
    onset = at.replace(tzinfo=None) + offset
    found = {_kind(zone, at, before=offset): [onset]}
    while at < end:
        following = at + _STEP
        if _offset(zone, following) != offset:
            following = _first_with_other_offset(zone, at, following)
            onset = following.replace(tzinfo=None) + offset
            found.setdefault(_kind(zone, following, before=offset), []).append(onset)
            offset = _offset(zone, following)
        at = following
    return found


def _first_with_other_offset(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    offset = _offset(zone, before)
    while after - before > _MINUTE:
        middle = before + (after - before) // _MINUTE // 2 * _MINUTE
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _kind(zone: ZoneInfo, at: datetime, *, before: timedelta) -> _Kind:
    local = at.astimezone(zone)
    return _Kind(before, _offset(zone, at), local.tzname() or zone.key, bool(local.dst()))


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _yearly(onsets: list[datetime], last_year: int) -> tuple[str, int]:
    """A rule for as many of the last onsets as follow it up to the last year, and how many."""
    from_the_end = [_rule(onset, last_week=True) for onset in onsets]
    from_the_start = [_rule(onset, last_week=False) for onset in onsets]
    counts = {
        rules[-1]: _alike(rules, onsets, last_year) for rules in (from_the_end, from_the_start)
    }
    rule = max(counts, key=lambda rule: counts[rule])
    return (rule, counts[rule]) if counts[rule] >= _RULE_YEARS else ("", 0)


def _alike(rules: list[str], onsets: list[datetime], last_year: int) -> int:
    count = 0
    for rule, onset in zip(reversed(rules), reversed(onsets), strict=True):
        same_time = onset.time() == onsets[-1].time()
        if not rule or rule != rules[-1] or not same_time or onset.year != last_year - count:
            break
        count += 1
    return count


def _rule(onset: datetime, *, last_week: bool) -> str:
    days = monthrange(onset.year, onset.month)[1]
    if last_week and onset.day + _WEEK <= days:
        return ""
    number = -1 if last_week else (onset.day - 1) // _WEEK + 1
    return f"FREQ=YEARLY;BYMONTH={onset.month};BYDAY={number}{WEEKDAYS[onset.weekday()]}"


def _offset_text(offset: timedelta) -> str:
    sign = "-" if offset < timedelta() else "+"
    minutes, seconds = divmod(int(abs(offset).total_seconds()), 60)
    text = f"{sign}{minutes // 60:02}{minutes % 60:02}"
    return f"{text}{seconds:02}" if seconds else text
