"""A lease has one holder, however many ask for it and whoever comes late."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from notilog import clock
from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.leases import leases
from notilog.leases.keeping import keep
from notilog.leases.leases import Fenced, Lease
from tests.integration.waiting import until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LENGTH = timedelta(seconds=30)
ONE, OTHER = uuid4(), uuid4()


@pytest.fixture
def impatient(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_DATABASE__IDLE_TRANSACTION_TIMEOUT", "1")


async def taken(seconds: float = 0, *, holder: UUID = ONE, name: str = "bot") -> Lease | None:
    async with transaction() as tx:
        now = NOON + timedelta(seconds=seconds)
        return await leases.take(tx, name, holder=holder, now=now, length=LENGTH)


async def is_held(lease: Lease, seconds: float) -> bool:
    try:
        async with transaction() as tx:
            await leases.hold(tx, lease, NOON + timedelta(seconds=seconds))
    except Fenced:
        return False
    return True


async def somebody_waits() -> bool:
    async with transaction() as tx:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(await tx.scalar(waiting))


async def test_one_of_many_takes_it(database: None) -> None:
    found = await asyncio.gather(*(taken(holder=uuid4()) for _ in range(8)))
    assert sum(lease is not None for lease in found) == 1


async def test_it_is_free_when_it_ends_and_the_fence_grows(database: None) -> None:
    first = await taken()
    assert first == Lease("bot", ONE, 1, NOON + LENGTH)
    assert await taken(29.9, holder=OTHER) is None
    again = await taken(10)
    assert again is not None
    assert again.fence == 1
    second = await taken(40, holder=OTHER)
    assert second is not None
    assert second.fence == 2
    assert not await is_held(first, 41)
    assert await is_held(second, 41)
    assert not await is_held(second, 70)


async def test_renewing_keeps_it_and_letting_go_frees_it(database: None) -> None:
    lease = await taken()
    assert lease is not None
    async with transaction() as tx:
        now = NOON + timedelta(seconds=20)
        lease = await leases.renew(tx, lease, now=now, length=LENGTH)
    assert await is_held(lease, 49)
    async with transaction() as tx:
        assert not await leases.is_free(tx, "bot", now=NOON)
        assert await leases.is_free(tx, "other", now=NOON)
        await leases.release(tx, lease, now=NOON + timedelta(seconds=21))
    assert not await is_held(lease, 22)
    assert await taken(22, holder=OTHER) is not None


async def test_what_is_lost_is_neither_renewed_nor_let_go(database: None) -> None:
    lost = await taken()
    assert lost is not None
    kept = await taken(31, holder=OTHER)
    assert kept is not None
    with pytest.raises(Fenced):
        async with transaction() as tx:
            await leases.renew(tx, lost, now=NOON + timedelta(seconds=32), length=LENGTH)
    async with transaction() as tx:
        await leases.release(tx, lost, now=NOON + timedelta(seconds=32))
    assert await is_held(kept, 33)


async def test_of_many_those_are_held_that_are_ours(database: None) -> None:
    async with transaction() as tx:
        made = [await leases.take(tx, name, holder=ONE, now=NOON, length=LENGTH) for name in "abc"]
        ours = [lease for lease in made if lease is not None]
        await leases.release(tx, ours[1], now=NOON)
    async with transaction() as tx:
        others = replace(ours[0], fence=2)
        held = await leases.held_among(tx, {*ours, others}, NOON + LENGTH / 2)
        assert held == {ours[0], ours[2]}
        late = asyncio.create_task(taken(31, holder=OTHER, name="c"))
        await until(somebody_waits)
        assert not late.done()
    assert await late is not None
    async with transaction() as tx:
        assert await leases.held_among(tx, ours, NOON + 2 * LENGTH) == set()


async def test_nobody_takes_it_while_a_transaction_holds_it(database: None) -> None:
    lease = await taken()
    assert lease is not None
    async with transaction() as tx:
        await leases.hold(tx, lease, NOON)
        late = asyncio.create_task(taken(31, holder=OTHER))
        await until(somebody_waits)
        assert not late.done()
    assert await late is not None


async def test_work_goes_on_beyond_the_length_and_ends_when_the_lease_is_lost(
    database: None,
) -> None:
    length = timedelta(seconds=0.6)
    began = asyncio.Event()

    async def work(_lease: Lease) -> None:
        began.set()
        await asyncio.get_running_loop().create_future()

    keeping = asyncio.create_task(keep("bot", work, length=length))
    await began.wait()
    assert await keep("bot", work, length=length) is False
    first_end = clock.now() + length

    async def was_renewed() -> bool:
        async with transaction() as tx:
            end = await tx.scalar(text("SELECT until FROM leases"))
        return end is not None and end > first_end + length

    await until(was_renewed)
    assert not keeping.done()
    async with transaction() as tx:
        await tx.execute(text("UPDATE leases SET fence = fence + 1"))
    with pytest.raises(Fenced):
        await asyncio.wait_for(keeping, 5)


async def test_what_ends_or_fails_lets_go(database: None) -> None:
    async def work(_lease: Lease) -> None:
        await asyncio.sleep(0)

    async def fail(_lease: Lease) -> None:
        raise ValueError("wrong on purpose")

    assert await keep("bot", work, length=LENGTH) is True
    with pytest.raises(ValueError, match="on purpose"):
        await keep("bot", fail, length=LENGTH)
    async with transaction() as tx:
        assert await leases.is_free(tx, "bot", now=clock.now())


async def test_who_stands_still_in_a_transaction_is_not_waited_for(
    impatient: None, database: None
) -> None:
    lease = await taken()
    assert lease is not None
    with pytest.raises(Unavailable):
        async with transaction() as tx:
            await leases.hold(tx, lease, NOON)
            other = await taken(31, holder=OTHER)  # waits for the server to end this transaction
            assert other is not None
            await tx.execute(text("SELECT 1"))
