"""The parts of an RFC 5545 rule, ``FREQ=MONTHLY;BYDAY=1MO,-1FR``, and how much they say. Pure."""

import re
from collections.abc import Container
from datetime import datetime
from typing import Final

Parts = dict[str, str]

FREQUENCIES: Final = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_DAYS = ("BYMONTHDAY", "BYDAY", "BYYEARDAY", "BYWEEKNO")
_TIMES = ("BYHOUR", "BYMINUTE", "BYSECOND")
_NAMES = frozenset({"FREQ", "INTERVAL", "WKST", "BYMONTH", "BYSETPOS", *_DAYS, *_TIMES})
_WEEKDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,4}")
_SHAPE = re.compile(r"[A-Z]+=[A-Z0-9+,-]+(;[A-Z]+=[A-Z0-9+,-]+)*")


def _from_both_ends(most: int) -> Container[int]:
    return frozenset(range(-most, most + 1)) - {0}


_ALLOWED: Final[dict[str, Container[int]]] = {
    "INTERVAL": range(1, 10_000),
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": _from_both_ends(31),
    "BYYEARDAY": _from_both_ends(366),
    "BYWEEKNO": _from_both_ends(53),
    "BYSETPOS": _from_both_ends(366),
    "BYHOUR": range(24),
    "BYMINUTE": range(60),
    "BYSECOND": range(60),
}


def parts_of(text: str) -> Parts:
    """Read a rule.

    Raises:
        ValueError: it is not NAME=VALUE;NAME=VALUE, a name stands there twice or is not one of
            a rule, it has an end, it repeats every minute or second, or a value does not exist.
    """
    text = text.upper()
    if _SHAPE.fullmatch(text) is None:
        raise ValueError("must be a rule such as FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2")
    written = [part.partition("=") for part in text.split(";")]
    parts = {name: value for name, _, value in written}
    if len(parts) < len(written):
        raise ValueError("must not have a part twice")
    if parts.keys() & {"COUNT", "UNTIL"}:
        raise ValueError("must not have COUNT or UNTIL: the end is the due date")
    if unknown := sorted(parts.keys() - _NAMES):
        raise ValueError(f"has a part that is not known: {', '.join(unknown)}")
    if parts.get("FREQ") not in FREQUENCIES:
        raise ValueError(f"must have a FREQ of {', '.join(FREQUENCIES)}")
    _check_numbers(parts)
    _check_weekdays(parts)
    return parts


def _check_numbers(parts: Parts) -> None:
    for name, allowed in _ALLOWED.items():
        for number in parts.get(name, "1").split(","):
            if _NUMBER.fullmatch(number) is None or int(number) not in allowed:
                raise ValueError(f"has a {name} that does not exist: {number}")


def _check_weekdays(parts: Parts) -> None:
    """Dateutil stumbles over a sixth Monday of a month only when it comes to that month."""
    most = {"MONTHLY": 5, "YEARLY": 5 if "BYMONTH" in parts else 53}.get(parts["FREQ"], 0)
    for written in parts.get("BYDAY", "MO").split(","):
        weekday = _WEEKDAY.fullmatch(written)
        which = weekday and weekday[1]
        if weekday is None or (which and int(which) not in _from_both_ends(most)):
            raise ValueError(f"has a BYDAY that does not exist: {written}")


def with_defaults(parts: Parts, start: datetime) -> Parts:
    """The parts, and those that a rule takes from its start when they are not written down."""
    frequency = parts["FREQ"]
    defaults: Parts = {"BYMINUTE": str(start.minute), "BYSECOND": str(start.second)}
    if frequency != "HOURLY":
        defaults["BYHOUR"] = str(start.hour)
    if parts.keys().isdisjoint(_DAYS):
        defaults |= _default_day(frequency, start)
    return defaults | parts


def _default_day(frequency: str, start: datetime) -> Parts:
    if frequency == "WEEKLY":
        return {"BYDAY": WEEKDAYS[start.weekday()]}
    if frequency == "MONTHLY":
        return {"BYMONTHDAY": str(start.day)}
    if frequency == "YEARLY":
        return {"BYMONTH": str(start.month), "BYMONTHDAY": str(start.day)}
    return {}


def has_times(parts: Parts) -> bool:
    """Whether a rule says at which times of a day it repeats."""
    return parts["FREQ"] == "HOURLY" or not parts.keys().isdisjoint(_TIMES)


def most_a_day(parts: Parts) -> int:
    """How often a rule with defaults can match on one day."""
    hours = 24 if parts["FREQ"] == "HOURLY" and "BYHOUR" not in parts else _values(parts, "BYHOUR")
    return hours * _values(parts, "BYMINUTE") * _values(parts, "BYSECOND")


def most_a_period(parts: Parts) -> int:
    """How often a rule with defaults can match in one hour, day, week, month or year."""
    if parts["FREQ"] == "HOURLY":
        most = _values(parts, "BYMINUTE") * _values(parts, "BYSECOND")
    else:
        most = _most_days(parts) * most_a_day(parts)
    return min(most, _values(parts, "BYSETPOS")) if "BYSETPOS" in parts else most


def _most_days(parts: Parts) -> int:
    """How many days of one day, week, month or year can match: as many as each part allows."""
    frequency = parts["FREQ"]
    months = 12 if frequency == "YEARLY" else 1
    if "BYMONTH" in parts:
        months = min(months, _values(parts, "BYMONTH"))
    most = [{"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 31 * months}[frequency]]
    if "BYMONTHDAY" in parts:
        most.append(_values(parts, "BYMONTHDAY") * months)
    if "BYDAY" in parts:
        weeks = 1 if frequency in {"DAILY", "WEEKLY"} else 5 * months
        most.append(_values(parts, "BYDAY") * weeks)
    if "BYYEARDAY" in parts:
        most.append(_values(parts, "BYYEARDAY"))
    if "BYWEEKNO" in parts:
        most.append(_values(parts, "BYWEEKNO") * 7)
    return min(most)


def _values(parts: Parts, name: str) -> int:
    return parts[name].count(",") + 1
