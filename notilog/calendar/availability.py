"""When people are busy, and the nearest time at which all of them are free."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar.agenda import check_window
from notilog.calendar.free_time import Free, Person, Reason, nearest_free
from notilog.calendar.intervals import Interval, merged
from notilog.calendar.participation import people
from notilog.calendar.touching import touching
from notilog.calendar.work_hours import WorkDays, outside_each
from notilog.users.caller import Caller
from notilog.users.tables import UserRow


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
    check_window(window)
    everybody = await _people(tx, caller, logins, window=window, around=timedelta())
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
    window: Interval,
    buffer: timedelta,
) -> Free | Reason:
    """The nearest time within the window in which all of these people are free, or why none is.

    ``buffer`` keeps so much time free between the meeting and other events.

    Raises:
        Invalid: an unknown login, a window with too many occurrences or too short for the
            duration, or a duration or buffer that makes no sense.
    """
    everybody = await _people(tx, caller, logins, window=window, around=buffer)
    return nearest_free(everybody, duration, window=window, buffer=buffer)


async def _people(
    tx: AsyncSession,
    caller: Caller,
    logins: Sequence[str],
    *,
    window: Interval,
    around: timedelta,
) -> list[Person]:
    asked = await people(tx, logins, field="logins")
    hours = await _hours(tx, list(asked))
    wider = Interval(window.start - around, window.end + around)
    busy: dict[UUID, list[Interval]] = {user_id: [] for user_id in asked.values()}
    for one in await touching(tx, caller, asked.values(), window=wider, only_busy=True):
        for happening in one.series.between(wider.start, wider.end):
            interval = Interval(happening.start, happening.end)
            for user_id in one.coming(happening.original_start):
                busy[user_id].append(interval)
    outside = outside_each(hours, window=window)
    return [Person(login, busy[user_id], outside[login]) for login, user_id in asked.items()]


async def _hours(
    tx: AsyncSession, logins: Sequence[str]
) -> dict[str, tuple[WorkDays | None, ZoneInfo]]:
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
