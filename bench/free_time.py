"""Free time of 50 people in 90 days in which none is free, beside the same with dateutil.

Both ask the same database the same questions and search the same way; the peer expands each series
with dateutil's rrule. The series are ten years old, as those of a grown calendar are.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from secrets import token_hex
from statistics import median
from time import perf_counter
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, rrule
from sqlalchemy.ext.asyncio import AsyncSession

from bench.row import Row
from notilog import clock, jobs
from notilog import settings as schema
from notilog.calendar import availability, events
from notilog.calendar.drafts import Draft
from notilog.calendar.free_time import Free, Person, Reason, nearest_free
from notilog.calendar.intervals import Interval
from notilog.calendar.participation import people
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.tables import EventRow
from notilog.calendar.touching import touching
from notilog.calendar.work_hours import outside_each
from notilog.db.session import close_database, open_database, reading, transaction
from notilog.jobs import Wakeup
from notilog.users import accounts
from notilog.users.accounts import Name, NewAccount
from notilog.users.caller import Caller
from tests.servers import postgres, redis

PEOPLE: Final = 50
DAYS: Final = 90
ROUNDS: Final = 7
LIMIT_MS: Final = 150
TARGET: Final = 20
ZONE: Final = ZoneInfo("Europe/Berlin")
FIRST_DAY: Final = date(2016, 11, 21)
WINDOW: Final = Interval(
    datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC) + timedelta(days=DAYS)
)
LOGINS: Final = [f"person{number}" for number in range(PEOPLE)]
MEETINGS: Final = ((9, 11), (11, 13), (13, 15), (15, 17), (17, 18))
OFFICE: Final = {"day_from": "mon", "day_to": "fri", "time_from": "09:00", "time_to": "18:00"}
HOUR: Final = timedelta(hours=1)


def run() -> list[Row]:
    """Start the servers, measure, stop them."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        postgres.cluster(Path(folder) / "postgres") as cluster,
        cluster.fresh_database() as database,
        redis.server(Path(folder) / "redis") as broker,
    ):
        os.environ["NOTILOG_DATABASE_URL"] = database
        os.environ["NOTILOG_REDIS_URL"] = broker.url
        os.environ["NOTILOG_SECRET_KEY"] = token_hex()
        return [asyncio.run(_measured())]


async def _measured() -> Row:
    await open_database(schema.load())
    jobs.bind(_sends_nothing)
    try:
        caller = await _calendars()
        ours, peer = await _found(_ours, caller), await _found(_peers, caller)
        if ours != peer or not isinstance(ours, Reason):
            raise AssertionError(f"ours: {ours}; with dateutil: {peer}")
        pairs = [
            (await _seconds(_ours, caller), await _seconds(_peers, caller)) for _ in range(ROUNDS)
        ]
    finally:
        await close_database()
    milliseconds = median(pair[0] for pair in pairs) * 1000
    peers = median(pair[1] for pair in pairs) * 1000
    ratio = peers / milliseconds
    return Row(
        what=f"free time of {PEOPLE} people in {DAYS} days, none free, with the database",
        ours=milliseconds,
        unit="ms",
        peer_name="the same with dateutil",
        peer=peers,
        ratio=ratio,
        target=f"≥ {TARGET}, ≤ {LIMIT_MS} ms",
        met=ratio >= TARGET and milliseconds <= LIMIT_MS,
    )


async def _sends_nothing(wakeup: Wakeup) -> None:
    """No worker runs here."""


async def _calendars() -> Caller:
    """Everybody meets somebody all day, every day since ten years."""
    callers = [await _person(login) for login in LOGINS]
    for caller in callers:
        for start, end in MEETINGS:
            draft = Draft(
                name="Meeting",
                start_time=datetime.combine(FIRST_DAY, time(start), ZONE),
                end_time=datetime.combine(FIRST_DAY, time(end), ZONE),
                repetition=Repetition(type="daily"),
            )
            async with transaction() as tx:
                await events.create(tx, caller, draft=draft, now=clock.now())
    return callers[0]


async def _person(login: str) -> Caller:
    account = NewAccount.model_validate(
        {
            "login": login,
            "name": Name(first=login, last="Bench"),
            "timezone": ZONE.key,
            "work_days": OFFICE,
        }
    )
    async with transaction() as tx:
        row = await accounts.create(tx, account, password_hash=None)
    return Caller(user_id=row.id, login=login, role="user", scopes=None, project=None)


Search = Callable[[AsyncSession, Caller], Awaitable[Free | Reason]]


async def _found(search: Search, caller: Caller) -> Free | Reason:
    async with reading() as tx:
        return await search(tx, caller)


async def _seconds(search: Search, caller: Caller) -> float:
    begin = perf_counter()
    await _found(search, caller)
    return perf_counter() - begin


async def _ours(tx: AsyncSession, caller: Caller) -> Free | Reason:
    return await availability.free_time(
        tx,
        caller,
        logins=LOGINS,
        duration=HOUR,
        start=WINDOW.start,
        until=WINDOW.end,
        buffer=timedelta(),
    )


async def _peers(tx: AsyncSession, caller: Caller) -> Free | Reason:
    asked = await people(tx, LOGINS, field="logins")
    hours = await availability.hours_of(tx, LOGINS)
    names = {user_id: login for login, user_id in asked.items()}
    busy: dict[str, list[Interval]] = {login: [] for login in LOGINS}
    for one in await touching(tx, caller, asked.values(), window=WINDOW, only_busy=True):
        busy[names[one.event.author_id]] += _by_dateutil(one.event)
    outside = outside_each(hours, window=WINDOW)
    everybody = [Person(login, busy[login], outside[login]) for login in LOGINS]
    return nearest_free(everybody, HOUR, window=WINDOW)


def _by_dateutil(event: EventRow) -> Iterator[Interval]:
    rule = rrule(DAILY, dtstart=event.start_local)
    begin, end = (
        moment.astimezone(ZONE).replace(tzinfo=None) for moment in (WINDOW.start, WINDOW.end)
    )
    for local in rule.between(begin, end, inc=True):
        start = local.replace(tzinfo=ZONE).astimezone(UTC)
        yield Interval(start, start + event.duration)
