"""Signs of life of real processes, and the dead man's signal."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from notilog import clock
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.health import dead_man, report, signs
from notilog.health.judging import complaints
from notilog.queues import QUEUES
from tests.integration.conftest import Person
from tests.integration.waiting import until
from tests.servers import worker as servers
from tests.servers.process import wait_until

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
        app.send_task("health.look")

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
        text = (await admin.api.get("metrics")).text
        assert 'notilog_workers{queue="logs"} 1.0' in text
        assert "notilog_problems 0.0" in text
        assert 'notilog_queue_waiting{queue="general"} 0.0' in text
        assert "notilog_beat_age_seconds" in text
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
        seen = await report.seen(tx, now)
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


async def test_the_platform_signals_only_while_it_is_well(
    environment: pytest.MonkeyPatch, watcher: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, asked = watcher
    environment.setenv("NOTILOG_HEALTH__DEAD_MAN_URL", f"{url}/{SECRET}")
    environment.setenv("NOTILOG_HEALTH__ALLOW_PRIVATE", "true")
    schema.load()
    app = servers.sender()
    with servers.worker(tmp_path) as worker:
        app.send_task("health.dead_man")  # beat was never heard of
        await asyncio.to_thread(
            wait_until, lambda: worker.logged("platform_not_well"), "the complaint"
        )
        assert asked == []
        app.send_task("health.look")
        app.send_task("health.dead_man")

        def is_heard() -> bool:
            if not asked:
                app.send_task("health.dead_man")
            return bool(asked)

        await asyncio.to_thread(wait_until, is_heard, "the signal")
    app.close()
    assert set(asked) == {f"/{SECRET}"}
