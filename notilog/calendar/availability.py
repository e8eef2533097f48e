"""When people are busy, and the nearest time at which all of them are free."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar.drafts import EARLIEST_YEAR, LATEST_YEAR
from notilog.calendar.free_time import HORIZON, Free, Person, Reason, nearest_free
from notilog.calendar.intervals import Interval, merged
from notilog.calendar.participation import people
from notilog.calendar.touching import Touching, touching
from notilog.calendar.work_hours import WorkDays, outside_each
from notilog.errors import Invalid
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class BusyTime:
    """When somebody cannot come: in events, and outside their work hours."""

    login: str
    intervals: tuple[Interval, ...]


async def busy_time(
    tx: AsyncSession, caller: Caller, *, logins: Sequence[str], window: Interval
) -> list[BusyTime]:
    """When each of these people cannot come within the window, in as few intervals as possible.

    Raises:
        Invalid: an unknown login, an empty window, or one with too many occurrences.
    """
    _check(window, end="to")
    everybody = await _people(tx, caller, logins, window=window, end="to")
    return [
        BusyTime(one.login, tuple(_within(window, merged(chain(one.busy, one.outside)))))
        for one in everybody
    ]


async def free_time(
    tx: AsyncSession,
    caller: Caller,
    *,
    logins: Sequence[str],
    duration: timedelta,
    start: datetime,
    until: datetime | None,
    buffer: timedelta,
) -> Free | Reason:
    """The nearest time from ``start`` on in which all of these people are free, or why none is.

    Without ``until`` it looks as far as `HORIZON`. ``buffer`` keeps so much time free between the
    meeting and other events.

    Raises:
        Invalid: an unknown login, a window with too many occurrences or too short for the
            duration, or a duration or buffer that makes no sense.
    """
    if not EARLIEST_YEAR <= start.year <= LATEST_YEAR:
        raise Invalid.field("from", f"must be in the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    window = Interval(start, until or start + HORIZON)
    _check(window, end="until")
    everybody = await _people(tx, caller, logins, window=window, around=buffer, end="until")
    return nearest_free(everybody, duration, window=window, buffer=buffer)


def _check(window: Interval, *, end: str) -> None:
    if window.end <= window.start:
        raise Invalid.field(end, "must be later than from")
    if window.length > LONGEST:
        raise Invalid.field(end, f"must be at most {LONGEST.days} days after from")


async def _people(
    tx: AsyncSession,
    caller: Caller,
    logins: Sequence[str],
    *,
    window: Interval,
    end: str,
    around: timedelta = timedelta(),
) -> list[Person]:
    asked = await people(tx, logins, field="logins")
    hours = await hours_of(tx, list(asked))
    wider = Interval(window.start - around, window.end + around)
    busy: dict[UUID, list[Interval]] = {user_id: [] for user_id in asked.values()}
    found = await touching(tx, caller, asked.values(), window=wider, end=end, only_busy=True)
    for one in found:
        for user_id, intervals in _taken(one, wider):
            busy[user_id] += intervals
    outside = outside_each(hours, window=window)
    return [Person(login, busy[user_id], outside[login]) for login, user_id in asked.items()]


def _taken(one: Touching, window: Interval) -> Iterator[tuple[UUID, list[Interval]]]:
    """The time that the event takes of each person who comes."""
    if not one.apart:
        intervals = one.series.intervals(window.start, window.end)
        yield from ((user_id, intervals) for user_id in one.coming())
        return
    for happening in one.series.between(window.start, window.end):
        interval = Interval(happening.start, happening.end)
        yield from ((user_id, [interval]) for user_id in one.coming(happening.original_start))


async def hours_of(
    tx: AsyncSession, logins: Sequence[str]
) -> dict[str, tuple[WorkDays | None, ZoneInfo]]:
    """When each of these people works, if they have said so, and by the clocks of which zone."""
    statement = select(UserRow.login, UserRow.work_days, UserRow.timezone).where(
        UserRow.login.in_(logins)
    )
    return {
        login: (WorkDays.stored(work_days), ZoneInfo(timezone))
        for login, work_days, timezone in await tx.execute(statement)
    }


def _within(window: Interval, intervals: Sequence[Interval]) -> list[Interval]:
    return [
        Interval(max(one.start, window.start), min(one.end, window.end))
        for one in intervals
        if one.start < window.end and one.end > window.start
    ]
