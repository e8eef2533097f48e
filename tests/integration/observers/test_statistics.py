"""The statistics against a slow count of quarters of hours, across changes of the clocks."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from notilog import settings as schema
from notilog.db.session import reading, transaction
from notilog.errors import Invalid, NotFound
from notilog.observers.voice import statistics
from notilog.observers.voice.statistics import FRESH, Asked, Left
from notilog.observers.voice.stays import DEAFENED, MUTED
from notilog.observers.voice.tables import (
    VoiceChannelRow,
    VoiceIntervalRow,
    VoiceMemberRow,
    VoiceSessionRow,
)
from tests.integration.observers.voices import AFK, ANNA, ATTIC, BEN, GUILD, HALL, observer

MINUTE = timedelta(minutes=1)
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)  # clocks of Europe go forward
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)
LORD_HOWE = datetime(2026, 4, 4, 15, tzinfo=UTC)  # by half an hour, backward
WITHOUT: list[frozenset[Left]] = [
    frozenset(),
    frozenset({"afk", "bots"}),
    frozenset({"muted"}),
    frozenset({"muted", "deafened", "bots"}),
]


@dataclass(frozen=True)
class Stayed:
    member: int
    channel: int
    start: datetime
    end: datetime
    silent: tuple[tuple[str, datetime, datetime], ...] = ()


def some_stays(around: datetime) -> list[Stayed]:
    """Sessions of whole minutes within two days of an instant, some with silent times."""
    random, made = Random(18), []  # noqa: S311  the same ones every time
    for member in (ANNA, BEN):
        at = around - timedelta(days=1)
        while at < around + timedelta(days=1):
            at += random.randint(0, 90) * MINUTE
            length = random.randint(1, 300)
            silent = []
            for kind in (*MUTED, *DEAFENED, "stream"):
                begin = random.randint(0, length)
                end = random.randint(begin, length)
                silent.append((kind, at + begin * MINUTE, at + end * MINUTE))
            channel = random.choice((HALL, ATTIC, AFK))
            made.append(Stayed(member, channel, at, at + length * MINUTE, tuple(silent)))
            at += length * MINUTE
    return made


async def stored(observer_id: UUID, stays: list[Stayed]) -> None:
    async with transaction() as tx:
        for stay in stays:
            row = VoiceSessionRow(
                id=uuid4(),
                observer_id=observer_id,
                guild_id=GUILD,
                channel_id=stay.channel,
                member_id=stay.member,
                session_id="s1",
                started_at=stay.start,
                last_seen_at=stay.end,
                ended_at=stay.end,
                end_reason="left",
            )
            tx.add(row)
            await tx.flush()
            tx.add_all(
                VoiceIntervalRow(voice_session_id=row.id, kind=kind, started_at=begin, ended_at=end)
                for kind, begin, end in stay.silent
            )
        place = {"observer_id": observer_id, "guild_id": GUILD}
        tx.add_all(
            VoiceChannelRow(**place, channel_id=channel, name=str(channel), is_afk=channel == AFK)
            for channel in (HALL, AFK)
        )
        tx.add(
            VoiceMemberRow(
                **place, member_id=BEN, name="ben", display_name="B", is_bot=True, seen_at=AUTUMN
            )
        )


def minutes_of(stays: list[Stayed], asked: Asked) -> Iterator[tuple[datetime, Stayed]]:
    """Every minute that counts."""
    kinds = [*(MUTED if "muted" in asked.without else ())]
    kinds += DEAFENED if "deafened" in asked.without else ()
    for stay in stays:
        if ("afk" in asked.without and stay.channel == AFK) or (
            "bots" in asked.without and stay.member == BEN
        ):
            continue
        at = max(stay.start, asked.since)
        while at < min(stay.end, asked.until):
            if not any(kind in kinds and begin <= at < end for kind, begin, end in stay.silent):
                yield at, stay
            at += MINUTE


@pytest.mark.parametrize("without", WITHOUT, ids=lambda one: "+".join(sorted(one)) or "all")
@pytest.mark.parametrize(
    ("around", "zone"),
    [
        (SPRING, "Europe/Paris"),
        (AUTUMN, "Europe/Paris"),
        (AUTUMN, "Asia/Kathmandu"),
        (LORD_HOWE, "Australia/Lord_Howe"),
    ],
)
async def test_totals_are_those_of_a_slow_count(
    database: None, around: datetime, zone: str, without: frozenset[Left]
) -> None:
    observer_id, stays = await observer(), some_stays(around)
    await stored(observer_id, stays)
    local = ZoneInfo(zone)
    asked = Asked(
        since=around - timedelta(hours=17, minutes=7),
        until=around + timedelta(hours=15, minutes=3),
        now=around + timedelta(days=9),
        without=without,
    )
    members: defaultdict[int, float] = defaultdict(float)
    channels: defaultdict[int, float] = defaultdict(float)
    hours: defaultdict[datetime, float] = defaultdict(float)
    cells: defaultdict[tuple[int, int], float] = defaultdict(float)
    for at, stay in minutes_of(stays, asked):
        members[stay.member] += 60
        channels[stay.channel] += 60
        wall = at.astimezone(local)
        hours[at - wall.minute * MINUTE] += 60
        cells[wall.isoweekday(), wall.hour] += 60
    async with reading() as tx:
        by_member = await statistics.by_member(tx, observer_id, asked=asked, limit=10)
        by_channel = await statistics.by_channel(tx, observer_id, asked=asked, limit=10)
        by_hour = await statistics.by_hour(tx, observer_id, asked=asked, zone=local)
        week = await statistics.heat_map(tx, observer_id, asked=asked, zone=local)
    assert {one.member_id: one.seconds for one in by_member} == members
    assert {one.channel_id: one.seconds for one in by_channel} == channels
    assert {one.start: one.seconds for one in by_hour} == hours
    assert {(one.weekday, one.hour): one.seconds for one in week} == cells
    assert [one.seconds for one in by_member] == sorted(members.values(), reverse=True)


async def test_the_hour_that_clocks_repeat_is_two(database: None) -> None:
    observer_id = await observer()
    begin = datetime(2026, 10, 25, 0, tzinfo=UTC)
    await stored(observer_id, [Stayed(ANNA, HALL, begin, begin + timedelta(hours=2))])
    asked = Asked(since=begin, until=begin + timedelta(days=1), now=begin + timedelta(days=1))
    zone = ZoneInfo("Europe/Paris")
    async with reading() as tx:
        hours = await statistics.by_hour(tx, observer_id, asked=asked, zone=zone)
        cells = await statistics.heat_map(tx, observer_id, asked=asked, zone=zone)
    assert [(one.start, one.seconds) for one in hours] == [
        (begin, 3600),
        (begin + timedelta(hours=1), 3600),
    ]
    assert [(one.weekday, one.hour, one.seconds) for one in cells] == [(7, 2, 7200)]


@pytest.mark.parametrize(
    ("since_seen", "seconds"), [(FRESH / 2, 3600 + FRESH.seconds / 2), (2 * FRESH, 3600)]
)
async def test_an_open_session_counts_until_it_was_seen(
    database: None, since_seen: timedelta, seconds: float
) -> None:
    observer_id = await observer()
    seen = AUTUMN + timedelta(hours=1)
    async with transaction() as tx:
        row = VoiceSessionRow(
            id=uuid4(),
            observer_id=observer_id,
            guild_id=GUILD,
            channel_id=HALL,
            member_id=ANNA,
            session_id="s1",
            started_at=AUTUMN,
            last_seen_at=seen,
        )
        tx.add(row)
        await tx.flush()
        muted = {"kind": "mute", "started_at": seen - timedelta(minutes=10)}
        tx.add(VoiceIntervalRow(voice_session_id=row.id, **muted))
    now = seen + since_seen
    asked = Asked(since=AUTUMN - timedelta(days=1), until=now + timedelta(days=1), now=now)
    heard = Asked(
        since=asked.since, until=asked.until, now=now, without=frozenset({"muted"}), member=ANNA
    )
    async with reading() as tx:
        (total,) = await statistics.by_member(tx, observer_id, asked=asked, limit=10)
        (silent,) = await statistics.by_member(tx, observer_id, asked=heard, limit=10)
    assert (total.seconds, total.sessions, total.name) == (seconds, 1, None)
    assert silent.seconds == 3000


async def test_totals_are_narrowed(database: None) -> None:
    observer_id = await observer()
    begin = AUTUMN
    await stored(
        observer_id,
        [
            Stayed(ANNA, HALL, begin, begin + timedelta(hours=1)),
            Stayed(BEN, HALL, begin, begin + timedelta(hours=2)),
            Stayed(ANNA, ATTIC, begin + timedelta(hours=1), begin + timedelta(hours=4)),
        ],
    )
    day = Asked(since=begin, until=begin + timedelta(days=1), now=begin)

    async def totals(limit: int = 10, **more: Any) -> list[tuple[int, float]]:
        async with reading() as tx:
            found = await statistics.by_member(
                tx, observer_id, asked=replace(day, **more), limit=limit
            )
        return [(one.member_id, one.seconds) for one in found]

    assert await totals() == [(ANNA, 4 * 3600), (BEN, 2 * 3600)]
    assert await totals(limit=1) == [(ANNA, 4 * 3600)]
    assert await totals(channel=HALL) == [(BEN, 2 * 3600), (ANNA, 3600)]
    assert await totals(member=BEN) == [(BEN, 2 * 3600)]
    assert await totals(guild=GUILD + 1) == []
    async with reading() as tx:
        channels = await statistics.by_channel(tx, observer_id, asked=day, limit=10)
    assert [(one.name, one.seconds, one.sessions) for one in channels] == [
        (str(HALL), 3 * 3600, 2),
        (None, 3 * 3600, 1),
    ]


async def test_what_takes_too_long_or_is_too_much_is_refused(
    database: None, environment: pytest.MonkeyPatch
) -> None:
    observer_id = await observer()
    asked = Asked(since=AUTUMN - timedelta(days=400), until=AUTUMN, now=AUTUMN)
    async with reading() as tx:
        with pytest.raises(Invalid, match="hours"):
            await statistics.by_hour(tx, observer_id, asked=asked, zone=ZoneInfo("UTC"))
        with pytest.raises(NotFound):
            await statistics.by_member(tx, uuid4(), asked=asked, limit=1)
    await stored(observer_id, some_stays(AUTUMN))
    environment.setenv("NOTILOG_OBSERVERS__VOICE__STATS_TIMEOUT", "0.001")
    schema.load()
    asked = Asked(since=SPRING, until=AUTUMN, now=AUTUMN, without=frozenset({"muted"}))
    async with reading() as tx:
        with pytest.raises(Invalid, match="longer"):
            await statistics.by_hour(tx, observer_id, asked=asked, zone=ZoneInfo("Asia/Kathmandu"))
