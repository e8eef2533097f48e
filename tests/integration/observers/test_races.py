"""What happens at once: an observer begins while it is ended, changed or taken over."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.engine import Engine

from notilog import clock, jobs
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.jobs import Wakeup
from notilog.leases import leases
from notilog.observers import observers
from notilog.observers.failures import Permanent, Temporary
from notilog.observers.kinds import KINDS
from notilog.observers.kinds.http_probe import HttpProbe
from notilog.observers.kinds.kind import Kind, Watch
from notilog.observers.lease_names import lease_name
from notilog.observers.reconciling import ask_for_what_shall_run
from notilog.observers.tables import ObserverRow
from tests.integration.observers.runs import LEASE, OPERATOR, Run, row, runs
from tests.integration.waiting import until


@pytest.fixture(autouse=True)
async def _settings(environment: pytest.MonkeyPatch, database: None) -> None:
    environment.setenv("NOTILOG_OBSERVERS__LEASE_SECONDS", str(LEASE))
    environment.setenv("NOTILOG_OBSERVERS__FIRST_PAUSE", "0.1")
    schema.load()

    async def forget(_: Wakeup) -> None:
        """Nobody hears of it."""

    jobs.bind(forget)


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """A kind that fails with these, one after the other, and then watches for ever."""
    failures: list[Exception] = []

    async def observe(watch: Watch[Any]) -> None:
        if failures:
            raise failures.pop(0)
        watch.report.running()
        await asyncio.Event().wait()

    monkeypatch.setitem(KINDS, "http_probe", Kind("Tried", HttpProbe, observe))
    return failures


async def made() -> UUID:
    async with transaction() as tx:
        shown = await observers.create(
            tx,
            OPERATOR,
            name="site",
            kind="http_probe",
            env={"url": "https://shop.example.org/"},
            now=clock.now(),
        )
    return shown.row.id


@contextmanager
def slow_reconcile() -> Iterator[None]:
    """Between the look at the leases and the lock of the rows there is a second."""

    def slow(*told: Any) -> tuple[str, Any]:
        statement, parameters = told[2], told[3]
        if "SKIP LOCKED" in statement and "NOT (EXISTS" in statement:
            slept = "WHERE (SELECT CAST(pg_sleep(1) AS text)) IS NOT NULL AND observers.desired"
            statement = statement.replace("WHERE observers.desired", slept, 1)
        return statement, parameters

    event.listen(Engine, "before_cursor_execute", slow, retval=True)
    yield
    event.remove(Engine, "before_cursor_execute", slow)


async def test_who_begins_while_beat_looks_is_not_taken_for_dead(kind: list[Exception]) -> None:
    one = await made()
    async with transaction() as tx:
        long_ago = clock.now() - timedelta(minutes=1)
        await tx.execute(update(ObserverRow).values(asked_at=long_ago))

    async def asked() -> int:
        async with transaction() as tx:
            return await ask_for_what_shall_run(tx, clock.now(), most=10)

    async def looks() -> bool:
        async with transaction() as tx:
            sleeping = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
            return bool(await tx.scalar(sleeping))

    with slow_reconcile():
        asking = asyncio.create_task(asked())
        await until(looks)
        run = Run(one)
        await runs(one)
        assert await asking == 0
    left = await row(one)
    assert (left.state, left.task_id, left.restarts) == ("running", "task", 0)
    await run.end("shutdown")


async def test_a_run_that_was_taken_for_dead_ends_by_itself(kind: list[Exception]) -> None:
    one = await made()
    run = Run(one)
    await runs(one)
    async with transaction() as tx:
        await tx.execute(update(ObserverRow).values(running_turn=None, task_id=None))
    async with asyncio.timeout(30):
        await run.task
    assert (await row(one)).desired == "running"


@pytest.mark.parametrize("locked", ["observers", "leases"])
async def test_who_ends_what_has_not_begun_has_it_stopped(
    kind: list[Exception], locked: str
) -> None:
    one = await made()
    if locked == "leases":
        async with transaction() as tx:
            await leases.take(
                tx, lease_name(one), holder=UUID(int=1), now=clock.now(), length=timedelta(0)
            )
    async with transaction() as tx:
        await tx.execute(text(f"SELECT 1 FROM {locked} FOR UPDATE"))  # noqa: S608
        run = Run(one)

        async def waits() -> bool:
            async with transaction() as other:
                waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type='Lock'")
                return bool(await other.scalar(waiting))

        await until(waits)
        run.ending = "revoked"
        run.task.cancel()
    await asyncio.gather(run.task, return_exceptions=True)
    left = await row(one)
    assert (left.desired, left.state, left.changed_by) == ("stopped", "stopped", "celery control")


async def test_a_second_message_that_is_ended_ends_nothing(kind: list[Exception]) -> None:
    one = await made()
    run = Run(one)
    await runs(one)
    second = Run(one, "second")
    second.ending = "revoked"
    second.task.cancel()
    await asyncio.gather(second.task, return_exceptions=True)
    assert (await row(one)).desired == "running"
    await run.end("shutdown")


@pytest.mark.parametrize("reason", ["no\0 way", "no\ud800 way"])
async def test_whatever_a_server_says_can_be_written_down(
    kind: list[Exception], reason: str
) -> None:
    kind += [Temporary(reason), Permanent(reason)]
    one = await made()
    async with asyncio.timeout(30):
        await Run(one).task
    left = await row(one)
    assert left.state == "failed"
    assert left.last_error is not None
    assert left.last_error.startswith("no")
    assert left.last_error.endswith("way")


async def test_what_has_failed_stays_so_when_its_worker_stops(kind: list[Exception]) -> None:
    kind.append(Permanent("the token is wrong"))
    one = await made()
    run = Run(one)

    async def has_failed() -> bool:
        return (await row(one)).state == "failed"

    await until(has_failed)
    await run.end("shutdown")
    assert await has_failed()
    async with transaction() as tx:
        assert await ask_for_what_shall_run(tx, clock.now(), most=10) == 0


async def test_start_does_not_wait_for_the_pause_after_a_failure(kind: list[Exception]) -> None:
    kind.append(Temporary("come again tomorrow", after=86_400))
    one = await made()
    run = Run(one)

    async def pauses() -> bool:
        return (await row(one)).state == "reconnecting"

    await until(pauses)
    async with transaction() as tx:
        await observers.start(tx, OPERATOR, observer_id=one, now=clock.now())
    async with asyncio.timeout(30):
        await run.task
    again = Run(one)
    await runs(one)
    await again.end("shutdown")
