"""What a connection hears becomes actions, sessions, intervals and names."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from notilog import clock
from notilog.db.session import transaction
from notilog.metrics import counted
from notilog.observers.measures import BUFFER, EVENTS, WRITTEN
from notilog.observers.voice import recorder as recorders
from notilog.observers.voice.choosing import Choice
from notilog.observers.voice.heard import Channel
from notilog.observers.voice.journal import Journal
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
    leased,
    observer,
    recorded,
    recording,
    sessions,
    state,
)
from tests.integration.waiting import until


async def test_a_join_and_a_leave_are_a_session(database: None) -> None:
    observer_id = await observer()
    counted.take()
    async with recording(observer_id) as recorder:
        recorder.connected(NOON)
        recorder.guild(guild(), NOON)
        recorder.voice(state(member=anna()), after(10))
        recorder.voice(state(channel_id=None), after(70))
    assert [(one.kind, one.at) for one in await actions()] == [
        ("join", after(10)),
        ("leave", after(70)),
    ]
    counts = counted.take()
    assert counts[EVENTS.name, '["written"]'] == 4
    assert counts[f"{WRITTEN.name}_bucket", '["+Inf"]'] == 4  # it is long past noon
    assert any(name == f"{BUFFER.name}_bucket" for name, _ in counts)
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
