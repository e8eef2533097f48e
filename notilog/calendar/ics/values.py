"""Values of RFC 5545: texts, dates, times, durations. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from notilog.calendar.drafts import EARLIEST_YEAR, LATEST_YEAR, Moment
from notilog.calendar.offsets import parse as parsed_offset

_ESCAPE: Final = re.compile(r"\\([\\,;nN])")
_CONTROLS: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_MOMENT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z)?)?", re.ASCII)
_DURATION: Final = re.compile(
    r"([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?"
    r"(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?",
    re.ASCII,
)
_LEAP_SECOND: Final = 60
_LONGEST_DAYS: Final = 36525


@dataclass(frozen=True, slots=True)
class Written:
    """A DATE or a DATE-TIME as it is written: what a clock shows, in UTC or somewhere."""

    local: datetime
    is_date: bool
    is_utc: bool


@dataclass(frozen=True, slots=True)
class Duration:
    """Days by the wall clock and an exact rest; both have the sign of the whole."""

    days: int
    exact: timedelta

    @property
    def total(self) -> timedelta:
        return timedelta(days=self.days) + self.exact


def text_of(value: str) -> str:
    r"""A TEXT without its escapes: ``\n`` is a line break."""
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def escaped(text: str) -> str:
    r"""A text as TEXT, without the control characters that RFC 5545 forbids.

    icalendar would take the ``\N`` of a Windows path for a line break.
    """
    cleaned = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    for plain in ("\\", ";", ","):
        cleaned = cleaned.replace(plain, f"\\{plain}")
    return cleaned.replace("\n", r"\n")


def moment_of(value: str) -> Written:
    """Read a DATE or a DATE-TIME.

    Raises:
        ValueError: it is neither, or in no year that is dealt with.
    """
    found = _MOMENT.fullmatch(value.strip())
    if found is None:
        raise ValueError("must be a date or a time, such as 20261120 or 20261120T090000")
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise ValueError(f"must be in the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    seconds = int(found[6] or 0)
    seconds -= seconds == _LEAP_SECOND
    try:
        local = datetime(year, month, day, int(found[4] or 0), int(found[5] or 0), seconds)  # noqa: DTZ001 -- what a clock shows
    except ValueError as error:
        raise ValueError("must be a date and a time that exist") from error
    return Written(local, found[4] is None, found[7] is not None)


def duration_of(value: str) -> Duration:
    """Read a DURATION, which may be negative.

    Raises:
        ValueError: it is none.
    """
    found = _DURATION.fullmatch(value.strip().upper())
    if found is None or not any(found.groups()[1:]):
        raise ValueError("must be a duration, such as PT30M or P1D")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    sign = -1 if found[1] == "-" else 1
    exact = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if timedelta(days=weeks * 7 + days) + exact > timedelta(days=_LONGEST_DAYS):
        raise ValueError("must be at most 100 years")
    return Duration(sign * (weeks * 7 + days), sign * exact)


def offset_of(value: str) -> str | None:
    """A TRIGGER as an offset before the start, or None if no offset is the same."""
    duration = duration_of(value)
    days, exact = -duration.days, -duration.exact
    if days and not exact:
        return _offset(days, "d")
    minutes, rest = divmod(exact + timedelta(days=days), timedelta(minutes=1))
    if rest:
        return None
    hours_alone = re.search(r"T\d+H$", value.strip().upper())
    return _offset(minutes // 60, "h") if hours_alone and not days else _offset(minutes, "m")


def offset_between(earlier: datetime, later: datetime) -> str | None:
    """The time between two instants as an offset, or None if no offset is the same."""
    minutes, rest = divmod(later - earlier, timedelta(minutes=1))
    return None if rest else _offset(minutes, "m")


def trigger_of(offset: str) -> str:
    """An offset as the value of a TRIGGER."""
    amount, unit = offset[:-1], offset[-1]
    return f"-P{amount}D" if unit == "d" else f"-PT{amount}{unit.upper()}"


def date_text(day: date) -> str:
    return f"{day:%Y%m%d}"


def time_text(local: datetime) -> str:
    return f"{local:%Y%m%dT%H%M%S}"


def length_of(start: Moment, end: Moment) -> timedelta:
    """The time between two instants, or two dates."""
    if isinstance(start, datetime) and isinstance(end, datetime):
        return end - start
    return date(end.year, end.month, end.day) - date(start.year, start.month, start.day)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def duration_text(span: timedelta) -> str:
    """An exact duration in hours, minutes and seconds; days would follow the wall clock."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    return "PT" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0S")


def _offset(amount: int, unit: str) -> str | None:
    text = f"{amount}{unit}"
    try:
        return parsed_offset(text).text
    except ValueError:
        return None
