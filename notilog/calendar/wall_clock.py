"""Between what the clock on the wall shows in a zone and instants in UTC. Pure.

A wall time that the clocks jump over takes the offset from before the jump (02:30 becomes 03:30);
one that happens twice means the first time.
"""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show the naive ``local``."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def instant_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show the naive ``at`` on that day."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def local_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of ``zone`` show at ``instant``, naive."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
