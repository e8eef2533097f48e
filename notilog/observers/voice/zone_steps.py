"""In which steps of UTC the local hours of a zone begin. Pure."""

from datetime import UTC, datetime, timedelta
from functools import cache
from math import gcd
from typing import Final
from zoneinfo import ZoneInfo

HOUR: Final = timedelta(hours=1)
SHORTEST: Final = timedelta(minutes=15)
"""Every zone that is in use keeps quarters of an hour."""
YEARS: Final = range(2015, 2041)
"""There were no voice channels before, and nobody knows the zones after."""


@cache
def step_of(zone: ZoneInfo) -> timedelta:
    """The longest time, dividing the hour, at whose multiples all local hours begin and end.

    An hour in most zones; half of one in Asia/Kolkata, and in Australia/Lord_Howe, whose summer
    time is half an hour.
    """
    moments = (datetime(year, month, 15, tzinfo=UTC) for year in YEARS for month in range(1, 13))
    offsets = {moment.astimezone(zone).utcoffset() or timedelta() for moment in moments}
    seconds = gcd(HOUR.seconds, *(int(offset.total_seconds()) for offset in offsets))
    return max(SHORTEST, timedelta(seconds=seconds))
