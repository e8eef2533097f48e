"""What processes count is added up and shown to Prometheus, and to nobody else."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from notilog import clock
from notilog import settings as schema
from notilog.agents.health import State
from notilog.agents.tables import AgentRow
from notilog.db.session import reading, transaction
from notilog.health import hosts, signs
from notilog.health.judging import Host
from notilog.logs import room
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


DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "health.md"


async def test_every_metric_is_in_the_document_and_no_other(admin: Person) -> None:
    content = (await admin.api.get("metrics")).text
    shown = set(re.findall(r"^# TYPE (notilog_\w+)", content, re.MULTILINE))
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `notilog_")]
    assert shown == {name for row in rows for name in re.findall(r"`(notilog_\w+)`", row)}


async def test_logins_are_counted_by_what_came_of_them(
    environment: pytest.MonkeyPatch, anonymous: AsyncClient, admin: Person
) -> None:
    wish = {"login": "bob", "name": {"first": "Bob", "last": "Lee"}, "password": "long enough"}
    assert (await admin.api.post("users", json=wish)).status_code == 201
    environment.setenv("NOTILOG_LOGIN__FAILURES_PER_LOGIN", "1")
    schema.load()
    for password in ("long enough", "wrong one", "wrong one"):
        await anonymous.post("sessions", json={"login": "bob", "password": password})
    await stored.flush()
    found = parsed((await admin.api.get("metrics")).text)
    outcomes = ("signed_in", "wrong", "too_many")
    assert [found["notilog_logins_total", (("outcome", one),)] for one in outcomes] == [1, 1, 1]
    assert found["notilog_users", (("role", "admin"),)] == 1
    assert found["notilog_users", (("role", "user"),)] == 1
    assert found["notilog_sessions", ()] == 2


async def test_late_reminders_and_those_of_the_next_hour_are_counted(admin: Person) -> None:
    start = clock.now() + timedelta(minutes=40)
    wish = {
        "name": "Planning",
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(hours=1)).isoformat(),
        "notifications": [
            {"offset": "30m", "channel": "email"},
            {"offset": "20m", "channel": "email"},
        ],
    }
    created = [(await admin.api.post("events", json=wish)).json() for _ in range(2)]
    assert (await admin.api.delete(f"events/{created[1]['id']}")).is_success
    found = parsed((await admin.api.get("metrics")).text)
    assert found["notilog_reminder_late_seconds", ()] == 0
    async with transaction() as tx:
        await tx.execute(
            text(
                "UPDATE reminders SET next_fire_at = now() - interval '90 s' "
                "WHERE before = '30m' AND next_fire_at IS NOT NULL"
            )
        )
    found = parsed((await admin.api.get("metrics")).text)
    assert found["notilog_events", (("state", "planned"),)] == 1
    assert found["notilog_events", (("state", "cancelled"),)] == 1
    assert found["notilog_reminders", (("when", "late"),)] == 1
    assert found["notilog_reminders", (("when", "within_an_hour"),)] == 1
    assert 90 <= found["notilog_reminder_late_seconds", ()] < 120


AGENTS: tuple[tuple[str, State, int], ...] = (
    ("a", "online", 20),
    ("b", "late", 50),
    ("c", "offline", 900),
)
"""Their names, states, and the seconds since their heartbeats."""


async def test_agents_are_measured_by_their_heartbeats_checks_and_spools(admin: Person) -> None:
    found = parsed((await admin.api.get("metrics")).text)
    assert found["notilog_agent_heartbeat_age_seconds", ()] == 0
    for name, state, age in AGENTS:
        async with transaction() as tx:
            row = AgentRow(name=name, hostname=name, program="1", system="", python="", settings={})
            row.state, row.heartbeat_at = state, clock.now() - timedelta(seconds=age)
            row.told_checks = {"site": name == "a", "disk": True}
            row.spool = {"batches": 1, "bytes": 1000, "dropped": 2}
            tx.add(row)
    found = parsed((await admin.api.get("metrics")).text)
    assert found["notilog_agents", (("state", "offline"),)] == 1
    assert 50 <= found["notilog_agent_heartbeat_age_seconds", ()] < 80
    assert found["notilog_agent_checks", (("result", "ok"),)] == 3
    assert found["notilog_agent_checks", (("result", "failing"),)] == 1
    assert found["notilog_agent_spool_bytes", ()] == 3000
    assert found["notilog_agent_spool_dropped", ()] == 6
    health = (await admin.api.get("health")).json()
    assert health["agents"] == {"online": 1, "late": 1, "offline": 1}


async def test_servers_room_and_the_pools_of_each_process_are_shown(
    environment: pytest.MonkeyPatch, admin: Person, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_LOGS__DISK_FOLDER", str(tmp_path))
    schema.load()
    left = await room.look()
    async with transaction() as tx:
        told = hosts.told([Host("db-1:5432", "master", used=3, most=21)])
        await signs.tell(
            tx, "worker:a@b", {"running": 2, "limit": 9, "hosts": told}, now=clock.now()
        )
        old = clock.now() - timedelta(minutes=1)
        await signs.tell(tx, "worker:old@b", {"running": 2, "limit": 9, "hosts": told}, now=old)
    found = parsed((await admin.api.get("metrics")).text)
    of_worker = (("host", "db-1:5432"), ("process", "worker:a@b"))
    assert found["notilog_database_connections", of_worker] == 3
    assert found["notilog_database_connections_limit", of_worker] == 21
    assert "worker:old@b" not in str(found.keys())
    assert found["notilog_worker_tasks", (("worker", "a@b"),)] == 2
    assert found["notilog_worker_tasks_limit", (("worker", "a@b"),)] == 9
    assert [
        found["notilog_server_answers", (("server", name),)]
        for name in ("database", "broker", "redis")
    ] == [1, 1, 1]
    (host,) = (await admin.api.get("health")).json()["database"]
    assert found["notilog_database_host_answers", (("host", host["host"]),)] == 1
    assert host["limit"] == 21
    assert found["notilog_disk_free_bytes", ()] == left.free
    assert found["notilog_log_lowest_level_taken", ()] == 0
