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
    """What the heart wrote with each beat."""

    def __init__(self) -> None:
        self.names: list[set[str]] = []

    async def __call__(self, _: AsyncSession, names: Collection[str], __: datetime) -> None:
        self.names.append(set(names))


async def work(_: Lease) -> None:
    await asyncio.Event().wait()


async def test_all_are_renewed_and_only_what_is_lost_ends(database: None) -> None:
    beats = Beats()
    heart = Heart(length=LENGTH, on_beat=beats)
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
    async def fail(_: AsyncSession, __: Collection[str], ___: datetime) -> None:
        raise OSError("the database is away")

    heart = Heart(length=LENGTH, on_beat=fail)
    with pytest.raises(Fenced):
        await heart.keep("a", work)
    async with transaction() as tx:
        taken = await leases.take(tx, "a", holder=uuid4(), now=clock.now(), length=LENGTH)
    assert taken is not None
    assert taken.fence == 2


async def test_work_that_ends_by_itself_lets_go(database: None) -> None:
    async def done(_: Lease) -> None:
        """Nothing."""

    heart = Heart(length=LENGTH, on_beat=Beats())
    assert await heart.keep("a", done)
    async with transaction() as tx:
        assert await leases.is_free(tx, "a", now=clock.now())
