"""VTIMEZONE components for zones of the IANA database. Pure.

Those of icalendar end at some date; a series may not. Here a change of the clocks that comes back
each year is a rule without an end.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from notilog.calendar.ics.rule import WEEKDAYS
from notilog.calendar.ics.values import time_text

# From here on the clocks are taken to change as they do now.
_LAST_YEAR: Final = 2037
_RULE_YEARS: Final = 8
_STEP: Final = timedelta(days=5)
_WEEK: Final = 7
_KEPT: Final = 500
_LAST_WEEK: Final = 25


@dataclass(frozen=True, slots=True)
class _Change:
    """The clocks go from one offset to another; ``onset`` is local by the offset before."""

    onset: datetime
    before: timedelta
    after: timedelta
    name: str
    daylight: bool

    @property
    def kind(self) -> tuple[timedelta, timedelta, str, bool]:
        return self.before, self.after, self.name, self.daylight


@lru_cache(_KEPT)
def vtimezone_lines(key: str, first_year: int) -> tuple[str, ...]:
    """The content lines that describe a zone from a year on."""
    changes = _changes(ZoneInfo(key), first_year)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{key}"]
    for kind in dict.fromkeys(change.kind for change in changes):
        alike = [change for change in changes if change.kind == kind]
        rule, since = _rule(alike)
        for change in alike:
            if rule is None or change.onset < since:
                lines += _observance(change, None)
        if rule is not None:
            first = next(change for change in alike if change.onset >= since)
            lines += _observance(first, rule)
    return (*lines, "END:VTIMEZONE")
