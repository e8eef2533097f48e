"""Runs in this process: what people wish counts, whatever becomes of messages and tasks."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from notilog import clock, jobs
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.errors import NotFound
from notilog.jobs import Wakeup
from notilog.leases import leases
from notilog.observers import observers
from notilog.observers.lease_names import lease_name
from notilog.observers.reconciling import ask_for_what_shall_run, end_what_shall_not, forget_leases
from notilog.observers.tables import ObserverRow
from tests.integration.observers.at_work import Probed, site
from tests.integration.observers.runs import LEASE, OPERATOR, Run, row, runs
from tests.integration.waiting import until
from tests.outside.discord import Discord
from tests.servers.postgres import Cluster


@pytest.fixture
def probed() -> Iterator[Probed]:
    with site() as made:
        yield made


@pytest.fixture(autouse=True)
def woken() -> list[Wakeup]:
    """Wake-ups; nobody hears of them."""
    sent: list[Wakeup] = []

    async def remember(wakeup: Wakeup) -> None:
        sent.append(wakeup)

    jobs.bind(remember)
    return sent


@pytest.fixture(autouse=True)
async def _settings(environment: pytest.MonkeyPatch, database: None) -> None:
    environment.setenv("NOTILOG_OBSERVERS__LEASE_SECONDS", str(LEASE))
    environment.setenv("NOTILOG_OBSERVERS__ALLOW_PRIVATE", "true")
    environment.setenv("NOTILOG_LOGS__CONNECTORS", "[]")
    schema.load()


async def made(probed: Probed) -> UUID:
    env: dict[str, Any] = {"url": probed.url, "interval": 60}
    async with transaction() as tx:
        shown = await observers.create(
            tx, OPERATOR, name="site", kind="http_probe", env=env, now=clock.now()
        )
    return shown.row.id


async def test_a_change_ends_the_run_though_nobody_told_its_task(probed: Probed) -> None:
    one = await made(probed)
    run = Run(one)
    await runs(one)
    async with transaction() as tx:
        await observers.change(
            tx,
            OPERATOR,
            observer_id=one,
            name="renamed",
            env=None,
            expected=None,
            now=clock.now(),
        )
    async with asyncio.timeout(30):
        await run.task
    left = await row(one)
    assert (left.desired, left.state, left.running_turn) == ("running", "starting", None)
    async with transaction() as tx:
        assert await ask_for_what_shall_run(tx, clock.now(), most=10) == 1
    again = Run(one)
    await runs(one)
    await again.end("shutdown")


async def test_a_start_right_after_a_stop_is_what_counts(probed: Probed) -> None:
    one = await made(probed)
    run = Run(one)
    await runs(one)
    async with transaction() as tx:
        await observers.stop(tx, OPERATOR, observer_id=one, now=clock.now())
    async with transaction() as tx:
        await observers.start(tx, OPERATOR, observer_id=one, now=clock.now())
    await run.end("revoked")  # the stop's request arrives
    left = await row(one)
    assert (left.desired, left.state, left.changed_by) == ("running", "starting", "notilog")


async def test_who_ends_the_task_means_it(probed: Probed, woken: list[Wakeup]) -> None:
    one = await made(probed)
    run = Run(one)
    await runs(one)
    await run.end("revoked")
    left = await row(one)
    assert (left.desired, left.state, left.changed_by) == ("stopped", "stopped", "celery control")
    assert left.task_id is None
    async with transaction() as tx:
        assert await ask_for_what_shall_run(tx, clock.now(), most=10) == 0


async def test_a_stop_that_was_lost_is_repeated_and_heard_by_the_heart(
    probed: Probed, woken: list[Wakeup]
) -> None:
    one = await made(probed)
    run = Run(one, "its task")
    await runs(one)
    async with transaction() as tx:
        await observers.stop(tx, OPERATOR, observer_id=one, now=clock.now())
    woken.clear()
    async with transaction() as tx:
        await end_what_shall_not(tx, clock.now())
    assert [(wakeup.task, wakeup.args) for wakeup in woken] == [("observers.end", ("its task",))]
    async with asyncio.timeout(30):
        await run.task
    assert (await row(one)).state == "stopped"


async def test_many_that_end_at_once_are_handed_over_together(
    probed: Probed, woken: list[Wakeup]
) -> None:
    ids = [await made(probed) for _ in range(30)]
    all_runs = [Run(one, str(one)) for one in ids]
    for one in ids:
        await runs(one)
    woken.clear()
    await asyncio.gather(*(run.end("shutdown") for run in all_runs))
    left = [await row(one) for one in ids]
    assert {(one.state, one.running_turn) for one in left} == {("starting", None)}
    assert {wakeup.task for wakeup in woken} == {"observers.reconcile"}
    async with transaction() as tx:
        assert await ask_for_what_shall_run(tx, clock.now(), most=20) == 20
    async with transaction() as tx:
        assert await ask_for_what_shall_run(tx, clock.now(), most=20) == 10


async def test_what_is_deleted_is_fenced_and_leaves_nothing(probed: Probed) -> None:
    one = await made(probed)
    run = Run(one)
    await runs(one)
    await observers.remove(OPERATOR, observer_id=one, now=clock.now())
    async with asyncio.timeout(30):
        await run.task
    with pytest.raises(NotFound):
        await observers.remove(OPERATOR, observer_id=one, now=clock.now())
    late = Run(one)  # a message that comes after
    await late.task
    async with transaction() as tx:
        await forget_leases(tx, clock.now() + timedelta(seconds=1))
        found = await tx.execute(text("SELECT name FROM leases"))
        assert found.all() == []


async def somebody_waits() -> bool:
    async with transaction() as tx:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(await tx.scalar(waiting))


async def test_a_delete_waits_for_whoever_writes_and_no_deadlock_comes_of_it(
    probed: Probed,
) -> None:
    one = await made(probed)
    async with transaction() as tx:
        held = await leases.take(
            tx,
            lease_name(one),
            holder=uuid4(),
            now=clock.now(),
            length=timedelta(minutes=1),
        )
    assert held is not None
    async with transaction() as tx:
        await leases.hold(tx, held, clock.now())
        deleting = asyncio.create_task(observers.remove(OPERATOR, observer_id=one, now=clock.now()))
        await until(somebody_waits)
        await tx.execute(text("UPDATE observers SET heartbeat_at = now()"))
    await deleting
    async with transaction() as tx:
        assert await tx.get(ObserverRow, one) is None


async def test_what_was_heard_in_an_outage_longer_than_the_lease_is_recorded(
    server: Discord, cluster: Cluster, database_url: str
) -> None:
    bot = server.make_bot()
    guild = server.make_guild(bot)
    hall = next(iter(guild.rooms.values()))
    async with transaction() as tx:
        shown = await observers.create(
            tx,
            OPERATOR,
            name="guild",
            kind="discord_voice",
            env={"token": bot.token, "api_base": server.api_base},
            now=clock.now(),
        )
    one = shown.row.id
    run = Run(one)
    await runs(one)
    name = database_url.rpartition("/")[2]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(cluster.server.url, autocommit=True) as admin:
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        server.join(guild, server.person("ann"), hall)
        async with asyncio.timeout(60):
            await run.task  # the lease is lost
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
    again = Run(one)
    await runs(one)

    async def joined() -> list[Any]:
        async with transaction() as tx:
            found = await tx.execute(text("SELECT kind, is_estimated FROM voice_actions"))
            return [tuple(action) for action in found]

    async def is_recorded() -> bool:
        return bool(await joined())

    await until(is_recorded)
    assert await joined() == [("join", False)]
    await again.end("shutdown")
