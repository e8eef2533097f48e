"""Observers over the API: made, shown without their secrets, changed, and deleted."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from notilog import clock
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.leases import leases
from notilog.metrics import stored
from notilog.observers import measures
from notilog.observers.kinds import KINDS
from notilog.observers.tables import ObserverRow
from tests.integration.conftest import Person

PROBE: dict[str, Any] = {
    "name": "The shop",
    "kind": "http_probe",
    "env": {"url": "https://shop.example.org/health"},
}


async def made(admin: Person, **fields: Any) -> dict[str, Any]:
    answer = await admin.api.post("observers", json={**PROBE, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_is_made_is_shown_and_wanted(admin: Person) -> None:
    one = await made(admin)
    assert (one["desired"], one["state"], one["changed_by"]) == ("running", "starting", "admin")
    assert one["env"]["interval"] == 60
    shown = await admin.api.get(f"observers/{one['id']}")
    assert shown.json() == one
    assert shown.headers["ETag"] == '"1"'
    two = await made(admin, name="Another")
    listed = (await admin.api.get("observers", params={"limit": 1})).json()
    assert [item["name"] for item in listed["items"]] == ["Another"]
    following = await admin.api.get("observers", params={"cursor": listed["next"]})
    assert following.json() == {"items": [one], "next": None}
    status = (await admin.api.get("status")).json()
    assert [item["id"] for item in status] == [one["id"], two["id"]]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "none"}, "kind"),
        ({"env": {}}, "env.url"),
        ({"env": {"url": "ftp://x"}}, "env.url"),
        ({"env": {"url": "https://x.example", "interval": 0}}, "env.interval"),
        ({"env": {"url": "https://x.example", "extra": 1}}, "env.extra"),
        ({"name": ""}, "name"),
        ({"extra": 1}, "extra"),
    ],
)
async def test_what_is_wrong_is_named(admin: Person, changes: dict[str, Any], field: str) -> None:
    answer = await admin.api.post("observers", json={**PROBE, **changes})
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert (await admin.api.get("observers")).json()["items"] == []


async def test_changes_keep_what_they_do_not_name(admin: Person) -> None:
    one = await made(admin)
    path = f"observers/{one['id']}"
    changed = await admin.api.patch(path, json={"env": {"interval": 5}})
    assert changed.json()["env"] == {**one["env"], "interval": 5}
    assert changed.headers["ETag"] == f'"{changed.json()["version"]}"'
    stale = await admin.api.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    bad = await admin.api.patch(path, json={"env": {"interval": "often"}})
    assert bad.status_code == 422
    named = await admin.api.patch(path, json={"name": "Renamed"})
    assert (named.json()["name"], named.json()["env"]["interval"]) == ("Renamed", 5)


async def test_one_that_runs_nowhere_is_stopped_at_once_and_started_again(admin: Person) -> None:
    one = await made(admin)
    path = f"observers/{one['id']}"
    stopped = (await admin.api.post(f"{path}/stop")).json()
    assert (stopped["desired"], stopped["state"]) == ("stopped", "stopped")
    assert (await admin.api.post(f"{path}/stop")).json()["version"] == stopped["version"]
    started = (await admin.api.post(f"{path}/start")).json()
    assert (started["desired"], started["state"]) == ("running", "starting")


async def test_a_failure_is_forgotten_by_a_start(admin: Person) -> None:
    one = await made(admin)
    async with transaction() as tx:
        row = await tx.get_one(ObserverRow, one["id"])
        row.state, row.last_error, row.failures = "failed", "wrong token", 3
    shown = (await admin.api.get(f"observers/{one['id']}")).json()
    assert (shown["state"], shown["last_error"]) == ("failed", "wrong token")
    started = (await admin.api.post(f"observers/{one['id']}/start")).json()
    assert (started["state"], started["last_error"]) == ("starting", None)


async def test_deleting_fences_whoever_runs_it(admin: Person) -> None:
    one = await made(admin)
    row = (await admin.api.get(f"observers/{one['id']}")).json()
    now = clock.now()
    async with transaction() as tx:
        held = await leases.take(
            tx,
            f"observer:{row['id']}",
            holder=uuid4(),
            now=now,
            length=timedelta(minutes=1),
        )
    assert held is not None
    assert (await admin.api.delete(f"observers/{one['id']}")).status_code == 204
    with pytest.raises(leases.Fenced):
        async with transaction() as tx:
            await leases.hold(tx, held, clock.now())
    assert (await admin.api.get(f"observers/{one['id']}")).status_code == 404
    assert (await admin.api.delete(f"observers/{one['id']}")).status_code == 404


async def test_source_handles_make_and_delete(admin: Person) -> None:
    answer = await admin.api.post("create", json=PROBE)
    made_id = answer.json()["id"]
    assert [item["id"] for item in (await admin.api.get("status")).json()] == [made_id]
    assert (await admin.api.post("delete", json={"id": made_id})).json() is True
    assert (await admin.api.post("delete", json={"id": made_id})).json() is False
    assert (await admin.api.post("delite", json={"id": made_id})).json() is False


async def test_there_are_only_so_many(environment: pytest.MonkeyPatch, admin: Person) -> None:
    environment.setenv("NOTILOG_OBSERVERS__MOST", "1")
    schema.load()
    await made(admin)
    answer = await admin.api.post("observers", json=PROBE)
    assert answer.status_code == 409
    assert "1 observers already" in answer.text


async def test_metrics_tell_of_states_heartbeats_and_restarts(admin: Person) -> None:
    one = await made(admin)
    two = await made(admin)
    async with transaction() as tx:
        row = await tx.get_one(ObserverRow, one["id"])
        row.state, row.heartbeat_at = "running", clock.now() - timedelta(seconds=90)
        (await tx.get_one(ObserverRow, two["id"])).state = "failed"
    measures.RESTARTS.add()
    measures.EVENTS.add("written", amount=3)
    measures.EVENTS.add("lost")
    measures.BUFFER.observe(0.02)
    measures.WRITTEN.observe(0.04)
    await stored.flush()
    text = (await admin.api.get("metrics")).text
    for line in (
        'notilog_observers{state="running"} 1.0',
        'notilog_observers{state="failed"} 1.0',
        "notilog_observer_restarts_total 1.0",
        'notilog_observer_events_total{outcome="written"} 3.0',
        'notilog_observer_events_total{outcome="lost"} 1.0',
        'notilog_observer_buffer_fill_bucket{le="0.05"} 1.0',
        'notilog_observer_written_seconds_bucket{le="0.05"} 1.0',
    ):
        assert line in text
    (age,) = re.findall(r"^notilog_observer_heartbeat_age_seconds (\S+)", text, re.MULTILINE)
    assert 90 <= float(age) < 120


async def test_kinds_say_what_they_need(admin: Person) -> None:
    found = {one["kind"]: one for one in (await admin.api.get("observer_kinds")).json()}
    assert set(found) == set(KINDS)
    assert found["http_probe"]["env"]["required"] == ["url"]


async def test_a_token_is_sent_to_nobody_who_does_not_know_it(admin: Person) -> None:
    env = {"token": "s3cret"}
    one = await made(admin, kind="discord_voice", env=env)
    path = f"observers/{one['id']}"
    moved = {"api_base": "https://elsewhere.example.org/"}
    refused = await admin.api.patch(path, json={"env": moved})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "env.token"
    same = await admin.api.patch(path, json={"env": {"api_base": one["env"]["api_base"]}})
    assert same.status_code == 200, same.text
    again = await admin.api.patch(path, json={"env": {**moved, **env}})
    assert again.json()["env"]["api_base"] == moved["api_base"]


async def test_a_token_of_a_project_makes_and_changes_no_observers(admin: Person) -> None:
    one = await made(admin)
    wished = {"name": "bound", "scopes": ["observers:admin"], "project": "shop"}
    token = (await admin.api.post("tokens", json=wished)).json()["token"]
    bound = {"Authorization": f"Bearer {token}"}
    for refused in (
        await admin.api.post("observers", json=PROBE, headers=bound),
        await admin.api.post("create", json=PROBE, headers=bound),
        await admin.api.patch(f"observers/{one['id']}", json={"name": "x"}, headers=bound),
    ):
        assert refused.status_code == 403
        assert "shop" in refused.text
