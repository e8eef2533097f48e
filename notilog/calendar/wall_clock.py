"""Between what the clock on the wall shows in a zone and instants in UTC. Pure.

A wall time that the clocks jump over takes the offset from before the jump (02:30 becomes 03:30);
one that happens twice means the first time.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from operator import lt
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WALL_EPOCH = _EPOCH.replace(tzinfo=None)
_A_DAY = timedelta(days=1)
_FEW = 8
_MANY = 64


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show the naive ``local``."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def instant_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show the naive ``at`` on that day."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def local_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of ``zone`` show at ``instant``, naive."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def utc_clock(instant: datetime) -> datetime:
    """What a clock in UTC shows at ``instant``, naive."""
    return _WALL_EPOCH + (instant - _EPOCH)


def is_jumped_over(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of ``zone`` never show the naive ``local``."""
    return _offset(local, zone) < _offset(local.replace(fold=1), zone)


def instants_of(
    locals_: Iterable[datetime], zone: ZoneInfo, *, since: datetime, before: datetime
) -> Iterator[datetime]:
    """The instants of rising wall times, from ``since`` to before ``before``, each once, in order.

    A time that the clocks jump over may come later than those that follow it, or with one of them.
    """
    rest = iter(locals_)
    size = _FEW
    while batch := list(islice(rest, size)):
        while _may_be_overtaken(batch, zone) and (following := next(rest, None)) is not None:
            batch.append(following)
        instants = _instants(batch, zone)
        earliest, latest = instants[0], instants[-1]
        if earliest < since or latest >= before:
            instants = [instant for instant in instants if since <= instant < before]
        yield from instants
        if latest >= before:
            return
        size = _MANY


def _may_be_overtaken(locals_: list[datetime], zone: ZoneInfo) -> bool:
    """Whether a time that follows these may come earlier than one of them, or with it."""
    last = locals_[-1]
    # The clocks jump over a day at most, and most times are not within a day of a jump.
    if _offset(last - _A_DAY, zone) >= _offset(last + _A_DAY, zone):
        return False
    latest = max(instant_of(local, zone) for local in locals_)
    return is_jumped_over(last, zone) or instant_of(last, zone) < latest


def _instants(locals_: list[datetime], zone: ZoneInfo) -> list[datetime]:
    """The instants of the times, each once and in order."""
    offsets = list(map(zone.utcoffset, locals_))
    if offsets.count(offsets[0]) == len(offsets):
        wall_epoch = _WALL_EPOCH + _offset(locals_[0], zone)
        return [_EPOCH + (local - wall_epoch) for local in locals_]
    instants = [
        _EPOCH + (local - _WALL_EPOCH - offset)
        for local, offset in zip(locals_, offsets, strict=True)
        if offset is not None
    ]
    in_order = all(map(lt, instants, instants[1:]))
    return instants if in_order else sorted(set(instants))


def _offset(local: datetime, zone: ZoneInfo) -> timedelta:
    offset = zone.utcoffset(local)
    if offset is None:
        raise ValueError(f"{zone.key} has no offset")
    return offset
