"""One heart renews all leases of a process, and ends the work under those that are lost."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock
from notilog.db.session import transaction
from notilog.leases import leases
from notilog.leases.heart import Heart
from notilog.leases.leases import Fenced, Lease
from tests.integration.waiting import until

LENGTH = timedelta(seconds=1)


class Beats:
    """What the heart wrote with each beat, and whose work it is told to end."""

    def __init__(self) -> None:
        self.names: list[set[str]] = []
        self.unwanted: set[str] = set()

    async def __call__(
        self, _: AsyncSession, renewed: Collection[Lease], __: datetime
    ) -> Collection[str]:
        self.names.append({lease.name for lease in renewed})
        return self.unwanted


async def work(_: Lease) -> None:
    await asyncio.Event().wait()


async def test_all_are_renewed_and_only_what_is_lost_ends(database: None) -> None:
    beats = Beats()
    heart = Heart(length=LENGTH, on_beat=beats, gate=asyncio.Semaphore(4))
    running = {name: asyncio.create_task(heart.keep(name, work)) for name in ("a", "b", "c")}

    async def beats_all() -> bool:
        return len(beats.names) >= 4 and beats.names[-1] == {"a", "b", "c"}

    await until(beats_all)
    assert not await heart.keep("a", work)
    async with transaction() as tx:
        await tx.execute(text("UPDATE leases SET fence = fence + 1 WHERE name = 'b'"))
    with pytest.raises(Fenced):
        await running["b"]
    running["c"].cancel()
    with pytest.raises(asyncio.CancelledError):
        await running["c"]
    async with transaction() as tx:
        assert await leases.is_free(tx, "c", now=clock.now())
        assert not await leases.is_free(tx, "a", now=clock.now())
    assert not running["a"].done()
    running["a"].cancel()
    await asyncio.gather(running["a"], return_exceptions=True)


async def test_what_cannot_be_renewed_ends_before_another_may_begin(database: None) -> None:
    async def fail(_: AsyncSession, __: Collection[Lease], ___: datetime) -> Collection[str]:
        raise OSError("the database is away")

    heart = Heart(length=LENGTH, on_beat=fail, gate=asyncio.Semaphore(4))
    with pytest.raises(Fenced):
        await heart.keep("a", work)
    async with transaction() as tx:
        taken = await leases.take(tx, "a", holder=uuid4(), now=clock.now(), length=LENGTH)
    assert taken is not None
    assert taken.fence == 2


async def test_work_that_ends_by_itself_lets_go(database: None) -> None:
    async def done(_: Lease) -> None:
        """Nothing."""

    heart = Heart(length=LENGTH, on_beat=Beats(), gate=asyncio.Semaphore(4))
    assert await heart.keep("a", done)
    async with transaction() as tx:
        assert await leases.is_free(tx, "a", now=clock.now())


async def test_what_nobody_wants_ends_and_lets_go(database: None) -> None:
    beats = Beats()
    beats.unwanted = {"a"}
    heart = Heart(length=LENGTH, on_beat=beats, gate=asyncio.Semaphore(4))
    assert await heart.keep("a", work)
    async with transaction() as tx:
        assert await leases.is_free(tx, "a", now=clock.now())


async def test_who_takes_what_was_lost_here_ends_the_work_before(database: None) -> None:
    """The lease ended, and is taken in the same process before its heart has looked."""
    beats = Beats()
    heart = Heart(length=timedelta(minutes=1), on_beat=beats, gate=asyncio.Semaphore(4))
    first = asyncio.create_task(heart.keep("a", work))

    async def is_taken() -> bool:
        async with transaction() as tx:
            return not await leases.is_free(tx, "a", now=clock.now())

    await until(is_taken)
    async with transaction() as tx:
        await tx.execute(text("UPDATE leases SET until = now() - interval '1 second'"))
    ended = []

    async def second_work(_: Lease) -> None:
        ended.append(first.done() or first.cancelling())
        await asyncio.Event().wait()

    second = asyncio.create_task(heart.keep("a", second_work))
    with pytest.raises(Fenced):
        await first

    async def has_begun() -> bool:
        return bool(ended)

    await until(has_begun)
    assert not second.done()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    async with transaction() as tx:
        assert await leases.is_free(tx, "a", now=clock.now())


async def test_a_lease_that_a_transaction_holds_costs_the_others_nothing(database: None) -> None:
    beats = Beats()
    heart = Heart(length=LENGTH, on_beat=beats, gate=asyncio.Semaphore(4))
    running = [asyncio.create_task(heart.keep(name, work)) for name in ("a", "b")]

    async def both_beat() -> bool:
        return bool(beats.names) and beats.names[-1] == {"a", "b"}

    async def only_b() -> bool:
        return beats.names[-1] == {"b"}

    await until(both_beat)
    async with transaction() as tx:
        await tx.execute(text("SELECT 1 FROM leases WHERE name = 'a' FOR UPDATE"))
        await until(only_b)
    await until(both_beat)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_a_lease_that_is_much_in_use_is_renewed(database: None) -> None:
    beats = Beats()
    heart = Heart(length=LENGTH, on_beat=beats, gate=asyncio.Semaphore(4))
    working = asyncio.create_task(heart.keep("a", work))

    async def is_taken() -> bool:
        async with transaction() as tx:
            return not await leases.is_free(tx, "a", now=clock.now())

    await until(is_taken)
    ends = clock.now() + 3 * LENGTH
    while clock.now() < ends and not working.done():  # held four fifths of the time
        async with transaction() as tx:
            await tx.execute(text("SELECT 1 FROM leases FOR UPDATE"))
            await asyncio.sleep(0.08)
        await asyncio.sleep(0.02)
    assert not working.done()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_one_beat_that_hangs_costs_nothing(database: None) -> None:
    hung = False

    async def hang_once(_: AsyncSession, __: Collection[Lease], ___: datetime) -> Collection[str]:
        nonlocal hung
        if not hung:
            hung = True
            await asyncio.Event().wait()
        beaten.set()
        return ()

    beaten = asyncio.Event()
    heart = Heart(length=LENGTH, on_beat=hang_once, gate=asyncio.Semaphore(4))
    working = asyncio.create_task(heart.keep("a", work))
    async with asyncio.timeout(10):
        await beaten.wait()
    assert hung
    assert not working.done()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
