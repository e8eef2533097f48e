"""What processes count is added up and shown to Prometheus, and to nobody else."""

import asyncio
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from notilog import clock
from notilog.db.session import reading, transaction
from notilog.metrics import counted, stored
from notilog.notifications import measures
from tests.integration.conftest import Person
from tests.integration.decided import decide, decision, people


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    counted.take()


def parsed(content: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(content)
        for sample in family.samples
    }


def email(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted({"channel": "email", **labels}.items()))


async def test_what_was_counted_is_shown(ann: Person, admin: Person) -> None:
    for seconds, late in ((0.02, 0.3), (0.2, 0.3), (40.0, 9000.0)):
        measures.attempted("email", outcome="sent", seconds=seconds, late=late)
    measures.attempted("email", outcome="dead", seconds=1)
    await stored.flush()
    answer = await admin.api.get("metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = parsed(answer.text)
    assert found[email("notilog_deliveries_total", outcome="sent")] == 3
    assert found[email("notilog_deliveries_total", outcome="dead")] == 1
    lateness = "notilog_delivery_lateness_seconds"
    assert [
        found[email(f"{lateness}_bucket", le=le)] for le in ("0.25", "0.5", "3600.0", "+Inf")
    ] == [
        0,
        2,
        2,
        3,
    ]
    assert found[email(f"{lateness}_count")] == 3
    assert found[email(f"{lateness}_sum")] == pytest.approx(9000.6)


@pytest.mark.parametrize("accept", ["text/plain;version=x", "*/*", "text/html, ;;,q=", "x"])
async def test_any_accept_header_gets_an_answer(admin: Person, accept: str) -> None:
    answer = await admin.api.get("metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")


async def test_openmetrics_is_spoken_to_who_asks(admin: Person) -> None:
    measures.attempted("email", outcome="sent", seconds=0.1, late=0.1)
    await stored.flush()
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = await admin.api.get("metrics", headers=wanted)
    assert "openmetrics" in answer.headers["content-type"]
    names = {family.name for family in openmetrics_families(answer.text)}
    assert {"notilog_deliveries", "notilog_delivery_lateness_seconds"} <= names


async def test_many_processes_add_up_and_never_deadlock(database: None) -> None:
    increments = {(f"m{number}", "[]"): 1.0 for number in range(50)}

    async def one_process(*, backwards: bool) -> None:
        for _ in range(10):
            items = list(increments.items())
            async with transaction() as tx:
                await stored.add(tx, dict(reversed(items) if backwards else items))

    await asyncio.gather(*(one_process(backwards=bool(n % 2)) for n in range(6)))
    async with reading() as tx:
        assert await stored.everything(tx) == dict.fromkeys(increments, 60.0)


async def test_what_could_not_be_stored_is_stored_later(database: None) -> None:
    async with transaction() as tx:
        await tx.execute(text("ALTER TABLE metrics RENAME TO gone"))
    measures.OUTCOMES.add("email", "sent")
    await stored.flush()
    measures.OUTCOMES.add("email", "sent")
    async with transaction() as tx:
        await tx.execute(text("ALTER TABLE gone RENAME TO metrics"))
    await stored.flush()
    async with reading() as tx:
        assert list((await stored.everything(tx)).values()) == [2.0]


async def test_a_scraper_needs_a_narrow_token_and_an_ordinary_user_gets_none(
    ann: Person, admin: Person, anonymous: AsyncClient, transport: ASGITransport
) -> None:
    wish = {"name": "prometheus", "scopes": ["metrics:read"]}
    assert (await ann.api.post("tokens", json=wish)).status_code == 403
    token = (await admin.api.post("tokens", json=wish)).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await anonymous.get("users", headers=headers)).status_code == 200
    assert (await anonymous.get("health", headers=headers)).status_code == 403
    async with AsyncClient(transport=transport, base_url="http://notilog.test") as root:
        assert (await root.get("/metrics")).status_code == 401
        answer = await root.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert "notilog_build_info" in answer.text


async def test_what_waits_is_counted_by_channel(admin: Person) -> None:
    (user,) = await people("somebody")
    later: Any = clock.now().replace(year=2100)
    await decide(decision(user), decision(user), decision(user, due_at=later))
    found = parsed((await admin.api.get("metrics")).text)
    assert found[email("notilog_deliveries_waiting")] == 2
    assert found["notilog_deliveries_waiting", (("channel", "log"),)] == 0
