"""How long before an occurrence a reminder falls due: ``15m``, ``2h``, ``3d``.

Hours and minutes are exact. Days keep the wall clock: one day before 09:00 is 09:00, even when the
clocks change in between. Pure.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from notilog.calendar.wall_clock import instant_of, local_of

LONGEST = timedelta(days=50)
PATTERN = r"^[0-9]{1,6}[mhd]$"

_SHAPE = re.compile(r"([0-9]{1,6})([mhd])")
_EXACT = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Offset:
    """A distance back from a start: whole days by the wall clock, or an exact time.

    Two spellings of one distance (``60m``, ``1h``) are equal; ``24h`` and ``1d`` are not.
    """

    text: str = field(compare=False)
    days: int
    exact: timedelta

    def before(self, start: datetime, zone: ZoneInfo) -> datetime:
        """The instant, in UTC, this far before ``start``."""
        if not self.days:
            return start - self.exact
        return instant_of(local_of(start, zone) - timedelta(days=self.days), zone)

    def earliest_start(self, due: datetime, zone: ZoneInfo) -> datetime:
        """Nothing that starts earlier than this instant falls due at ``due`` or later."""
        if not self.days:
            return due + self.exact
        # When the clocks have just gone forward, a time that they jumped over may fall due now.
        local = min(local_of(due, zone), local_of(due - _A_DAY, zone) + _A_DAY)
        start = (local + timedelta(days=self.days)).replace(tzinfo=zone)
        return min(start.astimezone(UTC), start.replace(fold=1).astimezone(UTC))


def parse(text: str) -> Offset:
    """Read an offset.

    Raises:
        ValueError: it is not digits and one of ``m``, ``h``, ``d``, or longer than 50 days.
    """
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError("must be digits and one of m, h, d, such as 15m")
    amount, unit = int(shape[1]), shape[2]
    days = amount if unit == "d" else 0
    exact = amount * _EXACT[unit] if unit in _EXACT else timedelta()
    if timedelta(days=days) + exact > LONGEST:
        raise ValueError("must be at most 50 days")
    return Offset(f"{amount}{unit}", days, exact)
