"""A URL is asked at its interval, and how it answers is a log record."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from ssl import SSLContext
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from sqlalchemy import text

from notilog import clock
from notilog import settings as schema
from notilog.db.session import reading, transaction
from notilog.leases import leases
from notilog.leases.leases import Fenced, Lease
from notilog.logs.filters import Filters
from notilog.logs.search import search
from notilog.observers.failures import Permanent
from notilog.observers.kinds import http_probe
from notilog.observers.kinds.http_probe import HttpProbe, observe
from notilog.observers.kinds.kind import Watch
from notilog.users.caller import Caller
from tests.integration.waiting import until
from tests.outside.certificates import server_context

AN_HOUR = timedelta(hours=1)


@dataclass
class Told:
    """What the probe says of how it goes."""

    said: list[str] = field(default_factory=list)

    def running(self) -> None:
        self.said.append("running")

    def reconnecting(self, reason: str) -> None:
        self.said.append(reason)


@asynccontextmanager
async def site(tls: SSLContext | None = None) -> AsyncIterator[str]:
    """Answers /<status>, /slow, and whatever else with 200."""

    async def answer(request: web.Request) -> web.Response:
        path = request.path.strip("/")
        if path == "slow":
            await asyncio.sleep(60)
        headers = {"Location": "http://127.0.0.1:1/"} if path == "302" else {}
        return web.Response(status=int(path) if path.isdigit() else 200, headers=headers)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await listening.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def lease(environment: pytest.MonkeyPatch, database: None) -> Lease:
    environment.setenv("NOTILOG_OBSERVERS__ALLOW_PRIVATE", "true")
    environment.setenv("NOTILOG_LOGS__CONNECTORS", "[]")
    schema.load()
    return await taken()


async def taken() -> Lease:
    async with transaction() as tx:
        held = await leases.take(tx, "observer", holder=uuid4(), now=clock.now(), length=AN_HOUR)
    assert held is not None
    return held


def watch(lease: Lease, url: str, **env: Any) -> Watch[HttpProbe]:
    told = HttpProbe.model_validate({"url": url, "interval": 1, **env})
    return Watch(uuid4(), "The shop", told, lease, Told())


async def records() -> list[Any]:
    async with reading() as tx:
        found = await search(tx, Caller.of_operator(), filters=Filters(), order="asc", limit=100)
    return list(found.records)


async def first_record(lease: Lease, url: str, **env: Any) -> Any:
    async def is_there() -> bool:
        return bool(await records())

    probing = asyncio.create_task(observe(watch(lease, url, **env)))
    try:
        await until(is_there)
    finally:
        probing.cancel()
        with suppress(asyncio.CancelledError):
            await probing
    return (await records())[0]


@pytest.mark.parametrize(
    ("path", "env", "level", "said"),
    [
        ("fine", {}, 20, "The shop: HTTP 200 after "),
        ("fine", {"method": "HEAD"}, 20, "The shop: HTTP 200 after "),
        ("302", {}, 20, "The shop: HTTP 302 after "),
        ("503", {}, 40, "The shop: HTTP 503 after "),
        ("503", {"expect": [503]}, 20, "The shop: HTTP 503 after "),
        ("fine", {"expect": [204]}, 40, "The shop: HTTP 200 after "),
        ("slow", {"timeout": 0.2}, 40, "The shop: no answer within 0.2 s"),
    ],
)
async def test_each_answer_is_a_record(
    lease: Lease, path: str, env: dict[str, Any], level: int, said: str
) -> None:
    async with site() as base:
        record = await first_record(lease, f"{base}/{path}", module="uptime", **env)
    assert (record.level, record.project, record.module) == (level, "observers", "uptime")
    assert record.message.startswith(said)
    assert record.attrs["url"] == f"{base}/{path}"
    assert record.attrs["milliseconds"] > 0


async def test_what_is_secret_in_a_url_is_not_stored(lease: Lease) -> None:
    async with site() as base:
        record = await first_record(lease, f"{base}/fine?token=abc123")
    assert record.attrs["url"] == f"{base}/fine?token=[redacted]"
    assert "abc123" not in str(record.attrs) + record.message


async def test_nobody_there_is_an_error(lease: Lease) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        record = await first_record(lease, f"http://127.0.0.1:{nobody.getsockname()[1]}/")
    assert record.level == 40
    assert "status" not in record.attrs


async def test_a_certificate_that_ends_soon_is_warned_of(
    lease: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = server_context(tmp_path)
    async with site(context) as base:
        untrusted = await first_record(lease, base)
        assert untrusted.level == 40
        assert "certificate" in untrusted.message.lower()
        async with transaction() as tx:
            await tx.execute(text("DELETE FROM log_records"))
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        http_probe.trusting.cache_clear()
        record = await first_record(lease, base)
    http_probe.trusting.cache_clear()
    assert record.level == 30
    assert 0.9 < record.attrs["certificate_days"] <= 1
    assert "the certificate ends in" in record.message


async def test_it_asks_again_and_again_until_it_is_fenced(lease: Lease) -> None:
    async def has_two() -> bool:
        return len(await records()) >= 2

    async with site() as base:
        run = watch(lease, base)
        probing = asyncio.create_task(observe(run))
        await until(has_two)
        async with transaction() as tx:
            await leases.release(tx, lease, now=clock.now())
        await taken()
        with pytest.raises(Fenced):
            await probing
    assert run.report.said == ["running"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://169.254.169.254/latest"])
async def test_private_addresses_need_permission(
    environment: pytest.MonkeyPatch, database: None, url: str
) -> None:
    schema.load()
    with pytest.raises(Permanent, match="private"):
        await observe(watch(await taken(), url))
