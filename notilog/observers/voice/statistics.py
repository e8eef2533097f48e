"""How long who was where: totals by member, channel and hour, and the hours of the week.

Sessions are clipped to the window that is asked for. One that is open counts until it was last
seen, or until now while that was just a moment ago.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.errors import Invalid
from notilog.observers.voice import statistics_sql as sql
from notilog.observers.voice.answering import answer, check_observer
from notilog.observers.voice.stays import DEAFENED, MUTED
from notilog.observers.voice.zone_steps import step_of

Left = Literal["afk", "bots", "muted", "deafened"]
"""What may be left out: time in AFK channels, of bots, and while muted or deafened."""
FRESH: Final = timedelta(seconds=75)
"""A session that was seen so lately goes on: it is seen every half minute."""
MOST_HOURS: Final = 366 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Of what the totals are; None is everything."""

    since: datetime
    until: datetime
    """Excluded."""
    now: datetime
    guild: int | None = None
    channel: int | None = None
    member: int | None = None
    without: frozenset[Left] = frozenset()


@dataclass(frozen=True, slots=True)
class MemberTotal:
    member_id: int
    seconds: float
    sessions: int
    name: str | None
    display_name: str | None
    is_bot: bool | None


@dataclass(frozen=True, slots=True)
class ChannelTotal:
    channel_id: int
    seconds: float
    sessions: int
    name: str | None
    is_afk: bool | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class HourTotal:
    """An hour of the zone by its first instant; the one that clocks repeat is two of them."""

    start: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of the week in the zone: weekdays are 1 (Monday) to 7, hours 0 to 23."""

    weekday: int
    hour: int
    seconds: float


_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


async def by_member(
    tx: AsyncSession, observer_id: UUID, *, asked: Asked, limit: int
) -> list[MemberTotal]:
    """Who was there for longest, and for how long.

    Raises:
        NotFound: there is no such observer.
        Invalid: it takes too long.
    """
    rows = await _ask(tx, observer_id, asked, sql.BY_MEMBER, most=limit, of_guild=asked.guild)
    return [MemberTotal(*row) for row in rows]


async def by_channel(
    tx: AsyncSession, observer_id: UUID, *, asked: Asked, limit: int
) -> list[ChannelTotal]:
    """Where most time was spent, and how much.

    Raises:
        NotFound, Invalid: as `by_member`.
    """
    rows = await _ask(tx, observer_id, asked, sql.BY_CHANNEL, most=limit)
    return [ChannelTotal(*row) for row in rows]


async def by_hour(
    tx: AsyncSession, observer_id: UUID, *, asked: Asked, zone: ZoneInfo
) -> list[HourTotal]:
    """The time spent in each hour of the zone in which there was any.

    Raises:
        NotFound, Invalid: as `by_member`, or because the window has too many hours.
    """
    if asked.until - asked.since > timedelta(hours=MOST_HOURS):
        raise Invalid.field("from", f"must be at most {MOST_HOURS} hours before to")
    rows = await _ask(tx, observer_id, asked, sql.BY_HOUR, **_in(zone))
    return [HourTotal(*row) for row in rows]


async def heat_map(
    tx: AsyncSession, observer_id: UUID, *, asked: Asked, zone: ZoneInfo
) -> list[Cell]:
    """The time spent in each hour of the week in which there was any.

    Raises:
        NotFound, Invalid: as `by_member`.
    """
    return [Cell(*row) for row in await _ask(tx, observer_id, asked, sql.BY_WEEK, **_in(zone))]


def _in(zone: ZoneInfo) -> dict[str, Any]:
    return {"zone": zone.key, "step": step_of(zone), "epoch": _EPOCH}


async def _ask(
    tx: AsyncSession, observer_id: UUID, asked: Asked, totals: str, **values: Any
) -> Sequence[Any]:
    await check_observer(tx, observer_id)
    silent = [flag for name, flags in _SILENT if name in asked.without for flag in flags]
    narrowed = {name: getattr(asked, name) for name in ("guild", "channel", "member")}
    given = {name: value for name, value in narrowed.items() if value is not None}
    if silent:
        given["silent"] = silent
    values |= {
        **given,
        "observer": observer_id,
        "since": asked.since,
        "until": asked.until,
        "now": asked.now,
        "fresh": asked.now - FRESH,
    }
    return await answer(tx, sql.statement({*given, *asked.without}, totals), values)


_SILENT: Final[tuple[tuple[Left, tuple[str, ...]], ...]] = (
    ("muted", MUTED),
    ("deafened", DEAFENED),
)
