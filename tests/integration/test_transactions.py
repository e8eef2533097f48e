"""`transaction` commits or rolls back as a whole, and wakes tasks only after the commit."""

import pytest
from sqlalchemy import text

from notilog import jobs
from notilog.db.session import reading, transaction
from notilog.jobs import Wakeup


@pytest.fixture
def sent() -> list[Wakeup]:
    wakeups: list[Wakeup] = []

    async def remember(wakeup: Wakeup) -> None:
        wakeups.append(wakeup)

    jobs.bind(remember)
    return wakeups


async def batches() -> int:
    async with reading() as session:
        return int(await session.scalar(text("SELECT count(*) FROM log_batches")) or 0)


INSERT = text("INSERT INTO log_batches (id, records) VALUES (uuidv7(), 1)")


async def test_commits_and_then_wakes(database: None, sent: list[Wakeup]) -> None:
    async with transaction() as tx:
        await tx.execute(INSERT)
        jobs.wake("deliveries.send", "email")
        jobs.wake("deliveries.send", "email")
        assert sent == []
    assert sent == [Wakeup("deliveries.send", ("email",))]
    assert await batches() == 1


async def test_an_error_undoes_everything_and_wakes_nothing(
    database: None, sent: list[Wakeup]
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with transaction() as tx:
            await tx.execute(INSERT)
            jobs.wake("deliveries.send", "email")
            raise ZeroDivisionError
    assert sent == []
    assert await batches() == 0


async def test_a_sender_that_fails_does_not_undo_the_commit(database: None) -> None:
    async def refuse(wakeup: Wakeup) -> None:
        raise ConnectionRefusedError

    jobs.bind(refuse)
    async with transaction() as tx:
        await tx.execute(INSERT)
        jobs.wake("deliveries.send", "email")
    assert await batches() == 1


def test_waking_outside_a_transaction_is_an_error() -> None:
    with pytest.raises(LookupError, match="outside a transaction"):
        jobs.wake("deliveries.send")
