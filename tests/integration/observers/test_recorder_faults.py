"""The database is away, the lease is lost, too much comes at once: nothing is lost or twice."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import delete, func, select, text

from notilog import settings as schema
from notilog.db.session import transaction
from notilog.errors import NotFound
from notilog.leases.leases import Fenced
from notilog.metrics import counted
from notilog.observers.measures import EVENTS
from notilog.observers.tables import ObserverRow
from notilog.observers.voice import recorder as recorders
from notilog.observers.voice.choosing import Choice
from notilog.observers.voice.events import Seen, Snapshot, Voice
from notilog.observers.voice.heard import Channel
from notilog.observers.voice.journal import Journal
from notilog.observers.voice.ledger import Ledger
from notilog.observers.voice.privacy_lock import LOCK
from notilog.observers.voice.recorder import Recorder
from tests.integration.observers.voices import (
    ATTIC,
    BEN,
    GUILD,
    HALL,
    NOON,
    actions,
    after,
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


async def test_what_was_being_written_when_a_run_ended_is_recorded_once(database: None) -> None:
    journal = Journal()
    first, second = await observer("first"), await observer("second")
    other = Recorder(first, choice=Choice(), journal=journal)
    cut = Recorder(second, choice=Choice(), journal=journal)
    lease = await leased(second)
    async with running(other, await leased(first)) as others:
        async with running(cut, lease) as task:
            for recorder in (other, cut):
                recorder.voice(state(), NOON)
            await recorded(other)
            await recorded(cut)
            async with transaction() as tx:
                await tx.execute(select(func.pg_advisory_xact_lock(LOCK)))
                other.voice(state(mute=True), after(5))
                cut.voice(state(mute=True), after(5))
                cut.voice(state(channel_id=None), after(10))
                await until(somebody_waits)
                task.cancel()  # while the other one writes for both
                await asyncio.wait([task])
        await recorded(other, others)
    assert cut.waiting > 0
    await let_go(lease)
    async with running(cut, await leased(second)) as task:
        await recorded(cut, task)
    found = [action.kind for action in await actions() if action.observer_id == second]
    assert found == ["join", "mute", "leave"]
    assert [one.observer_id for one in await sessions()].count(second) == 1


async def somebody_waits() -> bool:
    async with transaction() as tx:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(await tx.scalar(waiting))


async def test_nobody_is_said_to_be_seen_after_the_connection_was_left(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer_id = await observer()
    recorder = Recorder(observer_id, choice=Choice(), journal=Journal())
    lease = await leased(observer_id)
    async with running(recorder, lease) as task:
        recorder.connected(NOON)
        recorder.guild(guild(state()), NOON)
        await recorded(recorder, task)
    recorder.leave(after(1))
    assert recorder.waiting
    await let_go(lease)
    monkeypatch.setattr(recorders, "RENEWAL", 0.1)
    async with running(recorder, await leased(observer_id)) as task:
        await recorded(recorder, task)
        recorder.voice(state(BEN), after(2))
        await recorded(recorder, task)
        (anna, _) = await sessions()
        await asyncio.sleep(0.5)  # several times in which it would be said
        await recorded(recorder, task)
    assert anna.last_seen_at == after(1)
    assert [one.last_seen_at for one in await sessions() if one.id == anna.id] == [after(1)]


async def test_what_is_lost_is_counted_before_it_is_over(
    database: None, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_OBSERVERS__VOICE__QUEUE_EVENTS", "2")
    environment.setenv("NOTILOG_OBSERVERS__VOICE__BATCH_EVENTS", "1")
    schema.load()
    counted.take()
    recorder = Recorder(await observer(), choice=Choice(), journal=Journal())
    for number in range(10):
        recorder.voice(state(mute=bool(number % 2)), after(number))
    lost = recorder.lost
    assert lost > 0
    async with running(recorder, await leased(recorder._observer_id)):  # noqa: SLF001

        async def is_counted() -> bool:
            taken = counted.take()
            counted.put_back(taken)
            return taken.get((EVENTS.name, '["lost"]')) == lost

        await until(is_counted)
