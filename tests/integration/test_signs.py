"""Signs of life of real processes, and the dead man's signal."""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from aiohttp import web
from celery import Celery
from sqlalchemy import text

from notilog import clock
from notilog import settings as schema
from notilog.agents.connecting import added
from notilog.agents.protocol import About
from notilog.db.session import transaction
from notilog.health import dead_man, report, signs
from notilog.health.judging import complaints
from notilog.queues import QUEUES
from notilog.users.tables import TokenRow, UserRow
from tests.integration.conftest import Person
from tests.integration.waiting import until
from tests.servers import redis as redis_server
from tests.servers import worker as servers
from tests.servers.api import node
from tests.servers.command import run
from tests.servers.process import wait_until
from tests.servers.worker import Worker

SECRET = "a-secret-path"


async def health(admin: Person) -> dict[str, Any]:
    found: dict[str, Any] = (await admin.api.get("health")).json()
    return found


async def test_a_worker_beat_and_the_api_are_seen_until_they_stop(
    admin: Person, tmp_path: Path
) -> None:
    before = await health(admin)
    assert before["workers"] == []
    assert any("beat has never been heard of" in one for one in before["problems"])
    assert any(f"no worker consumes {QUEUES[0]}" in one for one in before["problems"])

    async def has_node() -> bool:
        return bool((await health(admin))["nodes"])

    await until(has_node)
    app = servers.sender()
    with servers.worker(tmp_path, name="seen"):
        app.send_task("health.look", ignore_result=True)

        async def is_well() -> bool:
            return not (await health(admin))["problems"]

        await until(is_well)
        seen = await health(admin)
        (worker,) = seen["workers"]
        assert worker["name"].startswith("seen@")
        assert set(worker["queues"]) == set(QUEUES)
        assert worker["age_seconds"] < 35
        assert seen["beat_age_seconds"] < 60
        assert set(seen["queues"]) == {*QUEUES, "notilog.logs"}
        shown = (await admin.api.get("metrics")).text
        assert 'notilog_workers{queue="logs"} 1.0' in shown
        assert "notilog_problems 0.0" in shown
        assert 'notilog_queue_waiting{queue="general"} 0.0' in shown
        assert "notilog_beat_age_seconds" in shown
    app.close()

    async def is_gone() -> bool:
        return not (await health(admin))["workers"]

    await until(is_gone)


async def test_what_is_old_is_forgotten(database: None) -> None:
    now = clock.now()
    async with transaction() as tx:
        await signs.tell(tx, "worker:old", {}, now=now - timedelta(days=2))
        await signs.tell(tx, "worker:new", {"queues": ["logs"]}, now=now)
        await signs.tell(tx, "worker:new", {"queues": ["logs"]}, now=now - timedelta(hours=1))
        await signs.forget_old(tx, now)
        found = await signs.newest(tx)
        assert set(found) == {"worker:new"}
        assert found["worker:new"].at == now
        seen = await report.seen(tx, now, failing=[])
    assert [worker.queues for worker in seen.living] == [("logs",)]
    assert complaints(seen, queues=["logs"])[0].startswith("beat has never")


@pytest.fixture
async def watcher() -> AsyncIterator[tuple[str, list[str]]]:
    """Whoever expects the signal: its address, and the paths that were asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=500 if request.path.endswith("bad") else 200)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "private", "heard"),
    [(SECRET, "true", True), ("bad", "true", False), (SECRET, "false", False)],
)
async def test_the_signal_is_heard_or_not(
    environment: pytest.MonkeyPatch,
    watcher: tuple[str, list[str]],
    capsys: pytest.CaptureFixture[str],
    *,
    path: str,
    private: str,
    heard: bool,
) -> None:
    url, asked = watcher
    environment.setenv("NOTILOG_HEALTH__DEAD_MAN_URL", f"{url}/{path}")
    environment.setenv("NOTILOG_HEALTH__ALLOW_PRIVATE", private)
    schema.load()
    assert await dead_man.signal() is heard
    assert asked == ([f"/{path}"] if private == "true" else [])
    assert SECRET not in capsys.readouterr().out


@pytest.fixture
def watched(environment: pytest.MonkeyPatch, watcher: tuple[str, list[str]]) -> list[str]:
    """The paths that were asked by whatever the environment configures."""
    url, asked = watcher
    environment.setenv("NOTILOG_HEALTH__DEAD_MAN_URL", f"{url}/{SECRET}")
    environment.setenv("NOTILOG_HEALTH__ALLOW_PRIVATE", "true")
    return asked


async def complaint(app: Celery, worker: Worker, said: str) -> None:
    """Let the worker signal until it complains of this instead."""

    def is_said() -> bool:
        app.send_task("health.dead_man", ignore_result=True)
        return worker.logged(said)

    await asyncio.to_thread(wait_until, is_said, said)


async def signalled(app: Celery, asked: list[str]) -> None:
    """Let it signal until that is heard."""

    def is_heard() -> bool:
        app.send_task("health.dead_man", ignore_result=True)
        return bool(asked)

    await asyncio.to_thread(wait_until, is_heard, "the signal")
    assert set(asked) == {f"/{SECRET}"}


async def settled(app: Celery, asked: list[str]) -> None:
    """Wait until what was sent is done, and forget what was asked by it."""

    def is_idle() -> bool:
        active = app.control.inspect(timeout=5, limit=1).active() or {"none": [1]}
        return not any(active.values()) and not app.control.purge()

    await asyncio.to_thread(wait_until, is_idle, "that nothing runs")
    asked.clear()


async def grow_old(kind: str) -> None:
    """Make the signs of processes of a kind older than any that is alive has."""
    older = text("UPDATE signs SET at = at - interval '36 s' WHERE name LIKE :kind")
    async with transaction() as tx:
        await tx.execute(older, {"kind": f"{kind}%"})


async def test_the_platform_signals_only_while_it_is_well(
    database: None, watched: list[str], tmp_path: Path
) -> None:
    app = servers.sender()
    with servers.worker(tmp_path) as worker:
        await complaint(app, worker, "beat has never been heard of")
        app.send_task("health.look", ignore_result=True)
        await complaint(app, worker, "no process of the API gives signs of life")
        assert watched == []
        with node(tmp_path) as api:
            await signalled(app, watched)
            os.kill(api.process.pid, signal.SIGKILL)
        await settled(app, watched)
        await grow_old(signs.NODE)
        await complaint(app, worker, "the API was last heard of")
        assert watched == []
    app.close()


async def test_no_signal_without_redis_though_the_broker_is_another(
    environment: pytest.MonkeyPatch, watched: list[str], redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "redis").mkdir()
    environment.setenv("NOTILOG_BROKER_URL", redis_url)
    with ExitStack() as stack:
        second = stack.enter_context(redis_server.server(tmp_path / "redis"))
        environment.setenv("NOTILOG_REDIS_URL", second.url)
        schema.load()
        app = servers.sender()
        stack.callback(app.close)
        with node(tmp_path), servers.worker(tmp_path) as worker:
            app.send_task("health.look", ignore_result=True)
            await signalled(app, watched)
            await settled(app, watched)
            with redis.Redis.from_url(second.url) as client:
                client.shutdown(nosave=True)
            await complaint(app, worker, "redis does not answer")
            assert watched == []
            done = await asyncio.to_thread(status, tmp_path)
            assert done.returncode == 1
            assert "• redis does not answer" in done.stdout
            assert "broker does not" not in done.stdout


async def test_status_shows_everything_and_says_that_the_api_is_gone(
    database: None, tmp_path: Path
) -> None:
    await make_agent()
    app = servers.sender()
    with servers.worker(tmp_path):
        app.send_task("health.look", ignore_result=True)
        with node(tmp_path) as api:

            def is_well() -> bool:
                said = status(tmp_path).stdout
                return "All is well" in said and "of 42" in said

            await asyncio.to_thread(wait_until, is_well, "that all is well")
            shown = (await asyncio.to_thread(status, tmp_path)).stdout
            assert re.search(r"127\.0\.0\.1:\d+ .* primary .* \d+ of 42", shown)
            assert "Agents: 1 new" in shown
            assert "Observers: none" in shown
            assert "Redis: version" in shown
            assert "Disk: free space not known, everything is" in shown
            assert len(shown.splitlines()) <= 40
            assert api.process.poll() is None
        done = await asyncio.to_thread(status, tmp_path)
    app.close()
    assert done.returncode == 1
    assert "• no process of the API gives signs of life: start `python -m api`" in done.stdout


def status(folder: Path) -> "subprocess.CompletedProcess[str]":
    settings = {name: value for name, value in os.environ.items() if "NOTILOG" in name}
    return run(folder, "status", **settings)


async def make_agent() -> None:
    """One that has not been heard of yet."""
    about = About("web-1", "1.0", "Linux", "3.12")
    async with transaction() as tx:
        owner = UserRow(login="owner", first_name="Ann", last_name="Lee")
        tx.add(owner)
        await tx.flush()
        token = TokenRow(user_id=owner.id, name="web-1", token_hash=b"x", scopes=[])
        tx.add(token)
        await tx.flush()
        await added(tx, about, owner=owner.id, token_id=token.id, now=clock.now())
