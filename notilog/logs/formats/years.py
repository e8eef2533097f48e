"""The years of dates that have none. Pure."""

from datetime import datetime, time, timedelta
from typing import Final

from notilog.logs.formats.format import Defaults

_SLACK: Final = timedelta(days=1)  # a clock may be ahead, and a zone may be wrong
_HALF_A_YEAR: Final = timedelta(days=183)
_LEAP_CYCLE: Final = 9  # within so many years February has 29 days


class Years:
    """Dates of one file, one after the other, with their years.

    When the year of the first one is given, it grows with a date that lies more than half a year
    before the last one; a straggler from before the turn gets the year before. Otherwise it is the
    last year in which the date does not lie after the file was written.
    """

    def __init__(self, defaults: Defaults) -> None:
        self._first = self._year = defaults.year
        self._latest = defaults.at.astimezone(defaults.zone).replace(tzinfo=None) + _SLACK
        self._before: datetime | None = None

    def moment(self, month: int, day: int, clock: time) -> datetime:
        """The local time.

        Raises:
            ValueError: there is no such date.
        """
        if self._first is None or self._year is None:
            return self._not_after(month, day, clock)
        found = _at(self._year, month, day, clock)
        if self._before is not None:
            if found < self._before - _HALF_A_YEAR:
                found = _at(self._year + 1, month, day, clock)
            elif found > self._before + _HALF_A_YEAR and self._year > self._first:
                return _at(self._year - 1, month, day, clock)
        self._year, self._before = found.year, found
        return found

    def _not_after(self, month: int, day: int, clock: time) -> datetime:
        latest = self._latest
        for year in range(latest.year, max(latest.year - _LEAP_CYCLE, 1), -1):
            try:
                found = _at(year, month, day, clock)
            except ValueError:
                continue  # the 29th of February
            if found <= latest:
                return found
        raise ValueError("no such date")


def _at(year: int, month: int, day: int, clock: time) -> datetime:
    return datetime.combine(datetime(year, month, day), clock)  # noqa: DTZ001  local on purpose
