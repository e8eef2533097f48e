"""A RECUR value of RFC 5545, checked: `dateutil` accepts what never ends or means nothing. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

from notilog.calendar.ics.values import Written, moment_of

WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# The columns hold no more; a day has no more hours.
LARGEST_INTERVAL: Final = 32767
LARGEST_COUNT: Final = 100_000
MOST_TIMES_OF_DAY: Final = 24

_FREQUENCIES: Final = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_TOO_OFTEN: Final = ("MINUTELY", "SECONDLY")
_WEEKDAY: Final = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,3}")
_LONGEST: Final = 2000
# The largest number of each part, and whether it may count from the end.
_RANGES: Final = {
    "BYMONTH": (1, 12, False),
    "BYWEEKNO": (1, 53, True),
    "BYYEARDAY": (1, 366, True),
    "BYMONTHDAY": (1, 31, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 59, False),
    "BYSETPOS": (1, 366, True),
}
_TIMES: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_ORDER: Final = (*_RANGES, "BYDAY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How often, without when it begins; ``by`` has the BY... parts in the order of RFC 5545."""

    freq: str
    interval: int
    by: Mapping[str, tuple[str, ...]]
    wkst: str
    count: int | None
    until: Written | None

    @property
    def text(self) -> str:
        """The rule without its end."""
        parts = [f"FREQ={self.freq}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        parts += [f"{name}={','.join(values)}" for name, values in self.by.items()]
        if self.wkst != "MO":
            parts.append(f"WKST={self.wkst}")
        return ";".join(parts)

    @property
    def many_a_day(self) -> bool:
        """Whether one day may have several occurrences, or one at another time than the first."""
        return self.freq == "HOURLY" or any(name in self.by for name in _TIMES)


def rule_of(value: str) -> Rule:
    """Read a RECUR value.

    Raises:
        ValueError: it is none, or one that is not supported.
    """
    if len(value) > _LONGEST:
        raise ValueError(f"a rule must not be longer than {_LONGEST} characters")
    parts: dict[str, str] = {}
    for pair in value.strip().upper().rstrip(";").split(";"):
        name, _, part = pair.partition("=")
        if not part or name in parts:
            raise ValueError("a rule must be like FREQ=WEEKLY;BYDAY=MO, each part once")
        parts[name] = part
    freq = _frequency(parts.pop("FREQ", ""))
    interval = _number(parts.pop("INTERVAL", "1"), "INTERVAL", LARGEST_INTERVAL)
    count = parts.pop("COUNT", None)
    until = parts.pop("UNTIL", None)
    if count and until:
        raise ValueError("a rule must not have both COUNT and UNTIL")
    wkst = parts.pop("WKST", "MO")
    if wkst not in WEEKDAYS:
        raise ValueError("WKST must be one of MO to SU")
    by = {name: _by(name, parts.pop(name), freq) for name in _ORDER if name in parts}
    if parts:
        raise ValueError(f"a rule with {min(parts)[:20]} is not supported")
    _check_together(freq, by)
    return Rule(
        freq=freq,
        interval=interval,
        by=by,
        wkst=wkst,
        count=_number(count, "COUNT", LARGEST_COUNT) if count else None,
        until=moment_of(until) if until else None,
    )


def _frequency(freq: str) -> str:
    if freq in _TOO_OFTEN:
        raise ValueError(f"FREQ={freq} is too often for a calendar: HOURLY at most")
    if freq not in _FREQUENCIES:
        raise ValueError(f"FREQ must be one of {', '.join(_FREQUENCIES)}")
    return freq


def _number(text: str, name: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= largest):  # noqa: PLR2004 -- fits an int
        raise ValueError(f"{name} must be a number from 1 to {largest}")
    return int(text)


def _by(name: str, part: str, freq: str) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(part.split(",")))
    if name == "BYDAY":
        return tuple(_weekday(value, freq) for value in values)
    least, largest, backwards = _RANGES[name]
    return tuple(_within(value, name, least, largest, backwards=backwards) for value in values)


def _within(value: str, name: str, least: int, largest: int, *, backwards: bool) -> str:
    number = int(value) if _NUMBER.fullmatch(value) else -1000
    if not least <= (abs(number) if backwards else number) <= largest:
        raise ValueError(f"{name} must have numbers from {least} to {largest}")
    return str(number)


def _weekday(value: str, freq: str) -> str:
    found = _WEEKDAY.fullmatch(value)
    if found is None or (found[1] and not 1 <= abs(int(found[1])) <= 53):  # noqa: PLR2004 -- weeks
        raise ValueError("BYDAY must have weekdays such as MO or 2TU")
    if found[1] and freq not in {"MONTHLY", "YEARLY"}:
        raise ValueError(f"BYDAY={value} needs FREQ=MONTHLY or YEARLY")
    return f"{int(found[1])}{found[2]}" if found[1] else found[2]


def _check_together(freq: str, by: Mapping[str, tuple[str, ...]]) -> None:
    if prod(len(by.get(name, "1")) for name in _TIMES) > MOST_TIMES_OF_DAY:
        raise ValueError(f"a rule must not have more than {MOST_TIMES_OF_DAY} times of day")
    if freq == "HOURLY" and ("BYMINUTE" in by or "BYSECOND" in by):
        raise ValueError("FREQ=HOURLY with BYMINUTE or BYSECOND is too often for a calendar")
    if "BYWEEKNO" in by and freq != "YEARLY":
        raise ValueError("BYWEEKNO needs FREQ=YEARLY")
    if "BYWEEKNO" in by and any(len(day) > 2 for day in by.get("BYDAY", ())):  # noqa: PLR2004 -- MO
        raise ValueError("BYWEEKNO and a numbered BYDAY exclude each other")
    if by.keys() == {"BYSETPOS"}:
        raise ValueError("BYSETPOS needs another part that it chooses from")
