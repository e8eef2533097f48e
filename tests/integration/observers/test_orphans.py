"""Sessions of observers that run nowhere are closed when they were last seen."""

from datetime import timedelta

from sqlalchemy import delete

from notilog import clock
from notilog.db.session import transaction
from notilog.leases.tables import LeaseRow
from notilog.observers.voice.orphans import GRACE, close_orphaned
from tests.integration.observers.voices import (
    LENGTH,
    actions,
    guild,
    intervals,
    leased,
    let_go,
    observer,
    recording,
    sessions,
    state,
)


async def closed(*, later: timedelta) -> int:
    async with transaction() as tx:
        return await close_orphaned(tx, clock.now() + later)


async def test_what_nobody_sees_to_is_closed_after_a_grace(database: None) -> None:
    observer_id = await observer()
    began = clock.now()
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state(mute=True, video=True)), began)
    assert await closed(later=GRACE - timedelta(minutes=1)) == 0
    assert await closed(later=GRACE + timedelta(minutes=1)) == 1
    assert await closed(later=GRACE + timedelta(minutes=1)) == 0
    (session,) = await sessions()
    assert (session.ended_at, session.end_reason, session.end_estimated) == (began, "gap", True)
    assert [one.ended_at for one in await intervals()] == [began, began]
    joined, left = await actions()
    assert (left.kind, left.at, left.is_estimated) == ("leave", began, True)
    assert (left.before_flags, left.before_channel_id) == (joined.after_flags, session.channel_id)


async def test_what_somebody_sees_to_stays_open(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state()), clock.now())
    lease = await leased(observer_id)
    assert await closed(later=LENGTH / 2) == 0
    await let_go(lease)
    async with transaction() as tx:
        await tx.execute(delete(LeaseRow))
    assert await closed(later=LENGTH / 2) == 1


async def test_another_run_after_that_begins_anew(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state()), clock.now())
    await closed(later=2 * GRACE)
    async with recording(observer_id) as recorder:
        recorder.guild(guild(state()), clock.now())
    assert [one.ended_at is None for one in await sessions()] == [False, True]
