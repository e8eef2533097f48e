"""Between what the clock on the wall shows in a zone and instants in UTC. Pure.

A wall time that the clocks jump over takes the offset from before the jump (02:30 becomes 03:30);
one that happens twice means the first time.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = _EPOCH.replace(tzinfo=None)
_A_DAY = timedelta(days=1)


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show the naive ``local``."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def instant_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show the naive ``at`` on that day."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def local_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of ``zone`` show at ``instant``, naive."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def is_jumped_over(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of ``zone`` never show the naive ``local``."""
    aware = local.replace(tzinfo=zone, fold=0)
    before, after = aware.utcoffset(), aware.replace(fold=1).utcoffset()
    return before is not None and after is not None and before < after


def instants_of(locals_: Iterable[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    """The instants of rising naive wall times, in UTC, in order and each once, on demand.

    A time that the clocks jump over may come later than those that follow it, or with one of them.
    """
    early: list[datetime] = []
    month_end = datetime.min  # noqa: DTZ901  # a wall time has no zone
    epoch: datetime | None = None
    for local in locals_:
        if local >= month_end:
            epoch, month_end = _month(zone, local.year, local.month)
        if epoch is not None and not early:
            yield _EPOCH + (local - epoch)
            continue
        instant = instant_of(local, zone)
        heappush(early, instant)
        if not is_jumped_over(local, zone):
            yield from _popped(early, until=instant)
    if early:
        yield from _popped(early, until=max(early))


def _popped(heap: list[datetime], *, until: datetime) -> Iterator[datetime]:
    """Take out what is not later, each instant once."""
    while heap and heap[0] <= until:
        instant = heappop(heap)
        if not heap or heap[0] != instant:
            yield instant


@lru_cache(maxsize=1 << 14)
def _month(zone: ZoneInfo, year: int, month: int) -> tuple[datetime | None, datetime]:
    """What the clocks would show at the epoch with a month's offset, and the month's end.

    None when the offset changes within the month. It is looked at once a day: in no zone have two
    changes come within three days of each other since 1900.
    """
    first = datetime.combine(date(year, month, 1), time())
    end = (first + 31 * _A_DAY).replace(day=1)
    midnights = [first + day * _A_DAY for day in range((end - first).days + 1)]
    offsets = {midnight.replace(tzinfo=zone).utcoffset() for midnight in midnights}
    offset = offsets.pop()
    return (None if offsets or offset is None else _LOCAL_EPOCH + offset), end
