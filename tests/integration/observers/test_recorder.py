"""What a connection hears is recorded once, in order, whatever happens to the database."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import delete, func, select, text

from notilog import clock
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.errors import NotFound
from notilog.leases.leases import Fenced
from notilog.observers.tables import ObserverRow
from notilog.observers.voice import recorder as recorders
from notilog.observers.voice.choosing import Choice
from notilog.observers.voice.events import Seen, Snapshot, Voice
from notilog.observers.voice.heard import Channel
from notilog.observers.voice.journal import Journal
from notilog.observers.voice.ledger import Ledger
from notilog.observers.voice.recorder import Recorder
from notilog.observers.voice.tables import (
    VoiceActionRow,
    VoiceChannelRow,
    VoiceGuildRow,
    VoiceMemberRow,
)
from tests.integration.observers.voices import (
    AFK,
    ANNA,
    ATTIC,
    BEN,
    GUILD,
    HALL,
    NOON,
    actions,
    after,
    anna,
    guild,
    intervals,
    kinds,
    leased,
    let_go,
    observer,
    recorded,
    recording,
    running,
    sessions,
    state,
)
from tests.integration.waiting import until
from tests.servers.postgres import Cluster


async def test_a_join_and_a_leave_are_a_session(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.connected(NOON)
        recorder.guild(guild(), NOON)
        recorder.voice(state(member=anna()), after(10))
        recorder.voice(state(channel_id=None), after(70))
    assert [(one.kind, one.at) for one in await actions()] == [
        ("join", after(10)),
        ("leave", after(70)),
    ]
    (session,) = await sessions()
    assert (session.member_id, session.channel_id) == (ANNA, HALL)
    assert (session.started_at, session.ended_at) == (after(10), after(70))
    assert session.end_reason == "left"
    assert (session.start_estimated, session.end_estimated) == (False, False)


async def test_a_move_begins_another_session_and_mute_an_interval(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.voice(state(), after(0))
        await recorded(recorder)
        recorder.voice(state(self_mute=True), after(10))
        recorder.voice(state(self_mute=True, stream=True), after(20))
        await recorded(recorder)
        recorder.voice(state(stream=True), after(30))
        recorder.voice(state(channel_id=ATTIC, stream=True), after(40))
        recorder.voice(state(channel_id=None), after(50))
    assert [(one.channel_id, one.started_at, one.ended_at) for one in await sessions()] == [
        (HALL, after(0), after(40)),
        (ATTIC, after(40), after(50)),
    ]
    assert [(one.kind, one.started_at, one.ended_at) for one in await intervals()] == [
        ("self_mute", after(10), after(30)),
        ("stream", after(20), after(40)),
        ("stream", after(40), after(50)),
    ]
    moved = (await actions())[4]
    assert (moved.kind, moved.before_channel_id, moved.after_channel_id) == ("move", HALL, ATTIC)


async def test_another_run_goes_on_with_what_is_open(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state(deafen=True), state(BEN)), NOON)
    async with recording(observer_id) as recorder:
        recorder.connected(after(100))
        recorder.guild(guild(state(mute=True), state(BEN, session_id="s2")), after(101))
    found = [(one.member_id, one.started_at, one.ended_at) for one in await sessions()]
    assert found == [(ANNA, NOON, None), (BEN, NOON, NOON), (BEN, after(101), None)]
    assert [(one.kind, one.ended_at) for one in await intervals()] == [
        ("deafen", after(101)),
        ("mute", None),
    ]


async def test_names_are_kept_after_what_they_named(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state(member=anna())), NOON)
        recorder.channel(GUILD, Channel(ATTIC, "Loft"), after(1))
        await recorded(recorder)
        recorder.channel_deleted(GUILD, HALL, after(2))
        recorder.guild_changed(GUILD, after(3), name="House", afk_channel_id=ATTIC)
        await recorded(recorder)
        fewer = guild(channels=(Channel(ATTIC, "Loft"),), name="House", afk_channel_id=ATTIC)
        recorder.guild(fewer, after(4))
        recorder.left(GUILD, after(5))
    async with transaction() as tx:
        order = VoiceChannelRow.channel_id
        channels = (await tx.scalars(select(VoiceChannelRow).order_by(order))).all()
        houses = (await tx.scalars(select(VoiceGuildRow))).all()
        members = (await tx.scalars(select(VoiceMemberRow))).all()
    assert [(one.channel_id, one.name, one.is_afk, one.deleted_at) for one in channels] == [
        (HALL, "Hall", False, after(2)),
        (ATTIC, "Loft", True, None),
        (AFK, "Away", False, after(4)),
    ]
    assert [(one.name, one.left_at) for one in houses] == [("House", after(5))]
    assert [(one.display_name, one.is_bot) for one in members] == [("Anna", False)]
    assert [one.end_reason for one in await sessions()] == ["channel_deleted"]


async def test_only_what_is_watched_is_recorded(database: None) -> None:
    observer_id = await observer()
    choice = Choice(targets=frozenset({GUILD}), ignored=frozenset({ATTIC, BEN}))
    async with recording(observer_id, choice=choice) as recorder:
        recorder.guild(guild(state(), state(BEN)), NOON)
        recorder.voice(state(channel_id=ATTIC), after(10))
        recorder.voice(state(), after(20))
    assert [(one.kind, one.after_channel_id) for one in await actions()] == [
        ("join", HALL),
        ("leave", None),
        ("join", HALL),
    ]
    assert [one.end_reason for one in await sessions()] == ["unwatched", None]
    async with transaction() as tx:
        channels = set(await tx.scalars(select(VoiceChannelRow.channel_id)))
    assert channels == {HALL, AFK}


async def test_nothing_is_lost_while_the_database_is_away(
    database: None, cluster: Cluster, database_url: str
) -> None:
    observer_id = await observer()
    name = sql.Identifier(database_url.rpartition("/")[2])
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    async with recording(observer_id) as recorder:
        recorder.voice(state(), NOON)
        await recorded(recorder)
        with psycopg.connect(cluster.server.url, autocommit=True) as server:
            server.execute(allow.format(name, sql.SQL("false")))
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database_url.rpartition("/")[2]],
            )
            for number in range(1, 50):
                recorder.voice(state(mute=bool(number % 2)), after(number))
            async with asyncio.timeout(30):
                while recorder._journal._pause < 0.2:  # noqa: ASYNC110, SLF001  tried in vain
                    await asyncio.sleep(0.02)
            assert recorder.waiting == 49
            server.execute(allow.format(name, sql.SQL("true")))
    assert len(await kinds()) == 50
    assert len(await intervals()) == 25
    assert recorder.lost == 0


async def test_who_lost_the_lease_writes_nothing_and_ends(database: None) -> None:
    observer_id = await observer()
    recorder = Recorder(observer_id, choice=Choice(), journal=Journal())
    lease = await leased(observer_id)
    async with running(recorder, lease) as task:
        recorder.voice(state(), NOON)
        await recorded(recorder)
        await let_go(lease)
        recorder.voice(state(channel_id=None), after(10))
        with pytest.raises(Fenced):
            await asyncio.wait_for(task, 30)
    assert await kinds() == ["join"]
    with pytest.raises(Fenced):
        await recorder.run(lease)


async def test_what_waits_is_recorded_under_the_next_lease(database: None) -> None:
    observer_id = await observer()
    recorder = Recorder(observer_id, choice=Choice(), journal=Journal())
    first = await leased(observer_id)
    async with running(recorder, first) as task:
        recorder.voice(state(), NOON)
        await recorded(recorder)
        await let_go(first)
        recorder.voice(state(mute=True), after(10))
        await asyncio.wait([task], timeout=30)
        with pytest.raises(Fenced):
            task.result()
    assert recorder.waiting == 1
    async with running(recorder, await leased(observer_id)) as task:
        await recorded(recorder, task)
    assert await kinds() == ["join", "mute"]


async def test_what_waits_is_dropped_when_another_has_observed_since(database: None) -> None:
    observer_id = await observer()
    recorder = Recorder(observer_id, choice=Choice(), journal=Journal())
    first = await leased(observer_id)
    async with running(recorder, first) as task:
        await let_go(first)
        recorder.voice(state(), NOON)
        await asyncio.wait([task], timeout=30)
        with pytest.raises(Fenced):
            task.result()
    async with recording(observer_id) as other:
        other.voice(state(BEN), after(5))
    async with running(recorder, await leased(observer_id)) as task:
        await recorded(recorder, task)
        recorder.voice(state(BEN, channel_id=None), after(10))
        await recorded(recorder, task)
    assert [one.member_id for one in await actions()] == [BEN, BEN]


async def test_too_much_at_once_keeps_how_it_is(
    database: None, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_OBSERVERS__VOICE__QUEUE_EVENTS", "10")
    schema.load()
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        for number in range(100):
            recorder.voice(state(mute=bool(number % 2)), after(number))
        recorder.voice(state(channel_id=None), after(100))
    assert recorder.lost == 90
    (session,) = await sessions()
    assert (session.started_at, session.ended_at) == (NOON, after(100))
    assert session.end_estimated
    assert (await kinds())[-1] == "leave"


async def test_open_sessions_are_seen_while_connected(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "RENEWAL", 0.05)
    observer_id = await observer()
    began = clock.now()
    async with recording(observer_id) as recorder:
        recorder.connected(began)
        recorder.guild(guild(state()), began)

        async def is_seen() -> bool:
            return any(one.last_seen_at > began for one in await sessions())

        await until(is_seen)
        gone = clock.now()
        recorder.disconnected(gone, reason="closed")
        recorder.disconnected(gone, reason="still closed")
        recorder.voice(state(BEN), gone)
        await recorded(recorder)
        assert (await sessions())[0].last_seen_at <= gone


async def test_many_recorders_share_transactions(database: None) -> None:
    journal = Journal()
    observers = [await observer(f"ears {number}") for number in range(30)]
    made = [Recorder(each, choice=Choice(), journal=journal) for each in observers]
    tasks = [
        asyncio.create_task(each.run(await leased(observer_id)))
        for each, observer_id in zip(made, observers, strict=True)
    ]
    for each in made:
        await recorded(each)
    before = await _committed()
    for number in range(10):
        for each in made:
            each.voice(state(channel_id=HALL if number % 2 == 0 else None), after(number))
    for each in made:
        await recorded(each)
    assert await _committed() - before < 100
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(await actions()) == 300


async def _committed() -> int:
    async with transaction() as tx:
        rows = select(func.count(func.distinct(text("xmin::text")))).select_from(VoiceActionRow)
        return await tx.scalar(rows) or 0


async def test_a_deleted_observer_ends_alone(database: None) -> None:
    journal = Journal()
    gone, stays = await observer("gone"), await observer("stays")
    recorder = Recorder(gone, choice=Choice(), journal=journal)
    async with (
        recording(stays, journal=journal) as other,
        running(recorder, await leased(gone)) as task,
    ):
        recorder.voice(state(), NOON)
        other.voice(state(), NOON)
        await recorded(recorder)
        async with transaction() as tx:
            await tx.execute(delete(ObserverRow).where(ObserverRow.id == gone))
        recorder.voice(state(BEN), after(1))
        other.voice(state(BEN), after(1))
        with pytest.raises(NotFound):
            await asyncio.wait_for(task, 30)
    assert {one.observer_id for one in await actions()} == {stays}
    assert len(await actions()) == 2


async def test_what_cannot_be_stored_is_dropped_or_mended(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.voice(state(2**63), NOON)
        recorder.left(-1, NOON)
        recorder.channel_deleted(GUILD, 2**64, NOON)
        odd = guild(state(session_id="a\0b"), name="H\ud800", afk_channel_id=2**70)
        recorder.guild(replace(odd, channels=(Channel(2**64, "x"), Channel(HALL, "\0"))), NOON)
    assert [one.session_id for one in await sessions()] == ["ab"]


async def test_written_again_nothing_is_twice(database: None) -> None:
    """A connection that breaks while it commits does not tell whether it did."""
    observer_id = await observer()
    lease, journal = await leased(observer_id), Journal()
    ledger = Ledger(Choice())
    for heard in (
        Snapshot(NOON, guild(state(mute=True), state(BEN))),
        Voice(after(1), state(channel_id=ATTIC)),
        Seen(after(2)),
    ):
        ledger.hear(heard)
    changes = ledger.take()
    for _ in range(2):
        await journal.write(lease, observer_id, changes)
    ended = Voice(after(3), state(BEN, channel_id=None))
    ledger.hear(ended)
    changes = ledger.take()
    for _ in range(2):
        await journal.write(lease, observer_id, changes)
    assert await kinds() == ["join", "join", "move", "unmute", "leave"]
    assert [one.ended_at for one in await sessions()] == [after(1), after(3), None]
