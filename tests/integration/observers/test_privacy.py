"""Erased, opted out, and kept no longer than is said."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from notilog import clock
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.errors import NotFound
from notilog.observers.voice import privacy, retention
from notilog.observers.voice.privacy_lock import LOCK
from notilog.observers.voice.tables import (
    VoiceActionRow,
    VoiceChannelRow,
    VoiceGuildRow,
    VoiceIntervalRow,
    VoiceMemberRow,
    VoiceSessionRow,
)
from tests.integration.observers.voices import (
    ANNA,
    BEN,
    GUILD,
    NOON,
    actions,
    after,
    anna,
    guild,
    intervals,
    observer,
    recorded,
    recording,
    sessions,
    state,
)
from tests.integration.waiting import until

TABLES = (VoiceActionRow, VoiceSessionRow, VoiceIntervalRow, VoiceMemberRow, VoiceChannelRow)


async def rows() -> list[int]:
    async with transaction() as tx:
        counts = [await tx.scalar(select(func.count()).select_from(one)) for one in TABLES]
    return [count or 0 for count in counts]


async def somebody_waits() -> bool:
    async with transaction() as tx:
        waiting = func.pg_try_advisory_xact_lock_shared(LOCK)
        return not await tx.scalar(select(waiting))


async def test_erasing_leaves_nothing_of_one_and_all_of_others(database: None) -> None:
    observer_id, other_id = await observer(), await observer("other")
    for each in (observer_id, other_id):
        async with recording(each) as recorder:
            recorder.guild(guild(state(mute=True, member=anna()), state(BEN, mute=True)), NOON)
    async with transaction() as tx:
        dossier = await privacy.export(tx, ANNA)
    assert [len(found) for found in (dossier.names, dossier.sessions, dossier.actions)] == [2, 2, 2]
    assert [len(found) for found in dossier.intervals.values()] == [1, 1]
    async with transaction() as tx:
        assert await privacy.erase(tx, ANNA) == 6
    assert {one.member_id for one in await sessions()} == {BEN}
    assert {one.member_id for one in await actions()} == {BEN}
    assert len(await intervals()) == 2
    async with transaction() as tx:
        assert (await privacy.export(tx, ANNA)).names == []


async def test_who_is_erased_while_they_are_there_comes_back_as_somebody_new(
    database: None,
) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.voice(state(member=anna()), NOON)
        await recorded(recorder)
        async with transaction() as tx:
            await privacy.erase(tx, ANNA)
        recorder.voice(state(mute=True), after(5))
        recorder.voice(state(channel_id=None), after(10))
        recorder.voice(state(member=anna()), after(20))
        recorder.voice(state(channel_id=None), after(30))
    assert [(one.started_at, one.ended_at) for one in await sessions()] == [(after(20), after(30))]
    assert await intervals() == []


async def test_who_opts_out_is_not_recorded_until_they_opt_in(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.voice(state(mute=True, member=anna()), NOON)
        await recorded(recorder)
        async with transaction() as tx:
            since = await privacy.opt_out(tx, ANNA, now=NOON)
        for number in range(4):
            recorder.voice(state(mute=bool(number % 2), member=anna()), after(number))
        recorder.voice(state(channel_id=None), after(5))
        recorder.voice(state(video=True, member=anna()), after(6))
        recorder.voice(state(BEN), after(7))
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state(member=anna())), after(10))
    assert {one.member_id for one in await actions()} == {BEN}
    assert {one.member_id for one in await sessions()} == {BEN}
    assert (await rows())[2:4] == [0, 0]
    async with transaction() as tx:
        assert await privacy.opt_out(tx, ANNA, now=after(60)) == since
        assert await privacy.opted_out(tx, ANNA) == since
        await privacy.opt_in(tx, ANNA)
        with pytest.raises(NotFound):
            await privacy.opt_in(tx, ANNA)
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state()), after(20))
    assert ANNA in {one.member_id for one in await sessions()}


async def test_erasing_waits_for_what_is_being_recorded(database: None) -> None:
    async def erase() -> int:
        async with transaction() as tx:
            return await privacy.erase(tx, ANNA)

    observer_id = await observer()
    async with transaction() as tx:
        await tx.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
        row = {"observer_id": observer_id, "guild_id": GUILD, "member_id": ANNA}
        tx.add(VoiceActionRow(**row, at=NOON, kind="join"))
        await tx.flush()
        erasing = asyncio.create_task(erase())
        await until(somebody_waits)
        assert not erasing.done()
    assert await erasing == 1


async def test_what_is_old_goes(database: None, environment: pytest.MonkeyPatch) -> None:
    observer_id = await observer()
    now = clock.now()
    old, new = now - timedelta(days=10), now - timedelta(days=1)
    async with recording(observer_id) as recorder:
        recorder.guild(guild(), old)
        recorder.voice(state(mute=True, member=anna()), old)
        recorder.voice(state(channel_id=None), old + timedelta(hours=1))
        recorder.voice(state(BEN), old)  # goes on
        recorder.voice(state(member=anna()), new)
        recorder.voice(state(channel_id=None), new + timedelta(hours=1))
    assert await retention.enforce(now) == 0
    environment.setenv("NOTILOG_OBSERVERS__VOICE__DAYS", "5")
    schema.load()
    assert await retention.enforce(now) == 4
    assert [one.started_at for one in await sessions()] == [old, new]
    assert [one.at for one in await actions()] == [new, new + timedelta(hours=1)]
    assert await intervals() == []


async def test_a_guild_that_was_left_goes_after_a_grace(
    database: None, environment: pytest.MonkeyPatch
) -> None:
    observer_id = await observer()
    now = clock.now()
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state(mute=True, member=anna())), now)
        recorder.voice(state(guild_id=GUILD + 1000), now)
        recorder.left(GUILD, now)
    environment.setenv("NOTILOG_OBSERVERS__VOICE__LEFT_GUILD_DAYS", "2")
    schema.load()
    assert await retention.purge_left(now + timedelta(days=1)) == 0
    assert await retention.purge_left(now + timedelta(days=3)) > 0
    assert await rows() == [1, 1, 0, 0, 0]
    async with transaction() as tx:
        assert (await tx.scalars(select(VoiceGuildRow))).all() == []
