"""Records are shown, changed and deleted, one or many; who did what is remembered."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from notilog.db.session import transaction
from notilog.logs.intake import Sent, accept
from notilog.logs.store import keep
from tests.integration.conftest import Person

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
GOOD: dict[str, Any] = {"level": "info", "project": "shop", "module": "cart", "message": "sold"}


async def store(*records: dict[str, Any]) -> None:
    body = json.dumps([{**GOOD, **record} for record in records]).encode()
    async with transaction() as tx:
        await keep(tx, [accept(Sent(body), now=NOW)])


async def facets(person: Person, **query: Any) -> dict[str, dict[str, int]]:
    answer = await person.api.get("logs/facets", params=query)
    assert answer.status_code == 200, answer.text
    return {
        name: {one["value"]: one["records"] for one in values}
        for name, values in answer.json()["fields"].items()
    }


async def first(person: Person, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = (await person.api.get("logs", params=query)).json()["items"][0]
    return found


@pytest.mark.parametrize("record_id", [None, str(uuid4())], ids=["our id", "an id of the sender's"])
@pytest.mark.parametrize("with_time", [False, True])
async def test_a_record_is_found_by_its_id(
    admin: Person, record_id: str | None, *, with_time: bool
) -> None:
    await store(
        {"message": "it", "ts": "2020-01-01T00:00:00Z"} | ({"id": record_id} if record_id else {})
    )
    listed = await first(admin)
    query = {"ts": listed["ts"]} if with_time else {}
    shown = await admin.api.get(f"logs/{listed['id']}", params=query)
    assert shown.json() == listed
    assert record_id in {None, listed["id"]}


@pytest.mark.parametrize(
    "record_id", ["ffffffff-ffff-7fff-bfff-ffffffffffff", "01890000-0000-4000-8000-000000000000"]
)
async def test_an_id_that_nobody_has_is_not_found(admin: Person, record_id: str) -> None:
    assert (await admin.api.get(f"logs/{record_id}")).status_code == 404


async def test_a_change_is_remembered_with_before_and_after(admin: Person) -> None:
    await store({"message": "wrong", "attrs": {"a": 1}}, {"message": "other"})
    record = await first(admin, q="wrong")
    path = f"logs/{record['id']}"
    change = {"message": "right", "level": "error", "module": "stock", "attrs": None}
    changed = (await admin.api.patch(path, json=change)).json()
    assert changed == {**record, **change}
    assert (await admin.api.get(path)).json() == changed
    (edit,) = (await admin.api.get(f"{path}/edits")).json()
    assert (edit["login"], edit["before"]["message"], edit["after"]["message"]) == (
        "admin",
        "wrong",
        "right",
    )
    assert edit["before"]["attrs"] == {"a": 1}
    assert await facets(admin) == {
        "level": {"error": 1, "info": 1},
        "project": {"shop": 2},
        "module": {"cart": 1, "stock": 1},
    }


async def test_another_time_moves_a_record_to_another_partition(admin: Person) -> None:
    await store({"message": "moved"})
    record = await first(admin)
    moved = await admin.api.patch(f"logs/{record['id']}", json={"ts": "2021-05-05T05:05:05Z"})
    assert moved.json()["ts"] == "2021-05-05T05:05:05Z"
    found = await admin.api.get("logs", params={"to": "2022-01-01T00:00:00Z"})
    assert [one["id"] for one in found.json()["items"]] == [record["id"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"level": "loud"}, "level"),
        ({"project": ""}, "project"),
        ({"message": None}, "message"),
        ({"message": "x" * 70_000}, "message"),
        ({"colour": "red"}, "colour"),
        ({"attrs": {"a": "x" * 40_000}}, "attrs"),
    ],
)
async def test_a_wrong_value_names_its_field_and_changes_nothing(
    admin: Person, change: dict[str, Any], field: str
) -> None:
    await store({})
    record = await first(admin)
    refused = await admin.api.patch(f"logs/{record['id']}", json=change)
    assert refused.status_code == 422
    assert field in {error["field"] for error in refused.json()["errors"]}, refused.text
    assert await first(admin) == record
    assert (await admin.api.get(f"logs/{record['id']}/edits")).json() == []


async def test_a_deleted_record_is_gone_and_remembered(admin: Person) -> None:
    await store({"message": "gone"}, {"message": "left"})
    record = await first(admin, q="gone")
    path = f"logs/{record['id']}"
    assert (await admin.api.delete(path)).status_code == 204
    assert (await admin.api.get(path)).status_code == 404
    assert (await admin.api.delete(path)).status_code == 404
    (edit,) = (await admin.api.get(f"{path}/edits")).json()
    assert (edit["before"]["message"], edit["after"]) == ("gone", None)
    assert (await facets(admin))["project"] == {"shop": 1}


async def test_many_are_deleted_by_filters_but_never_all(admin: Person) -> None:
    await store(*({"message": f"m {n}", "level": "debug" if n % 2 else "info"} for n in range(10)))
    refused = await admin.api.delete("logs")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query")
    gone = await admin.api.delete("logs", params={"level": "debug"})
    assert gone.json() == {"deleted": 5, "more": False}
    assert (await facets(admin))["level"] == {"info": 5}


async def test_a_token_of_a_project_touches_only_that(admin: Person) -> None:
    await store({"project": "shop"}, {"project": "bank", "message": "secret"})
    other = await first(admin, project="bank")
    made = await admin.api.post(
        "tokens", json={"name": "t", "scopes": ["logs:read", "logs:admin"], "project": "shop"}
    )
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    path = f"logs/{other['id']}"
    for method in ("GET", "DELETE"):
        assert (await admin.api.request(method, path, headers=headers)).status_code == 404
    change = await admin.api.patch(path, json={"level": "info"}, headers=headers)
    assert change.status_code == 404
    own = await first(admin, project="shop")
    away = await admin.api.patch(f"logs/{own['id']}", json={"project": "bank"}, headers=headers)
    assert (away.status_code, away.json()["errors"][0]["field"]) == (422, "project")
    counted = await admin.api.get("logs/facets", headers=headers)
    assert [one["value"] for one in counted.json()["fields"]["project"]] == ["shop"]
    assert (await admin.api.get("logs/histogram", headers=headers)).status_code == 200
    assert (await admin.api.get("log", headers=headers)).json()["items"] == [own]


async def test_the_short_handles(admin: Person) -> None:
    await store(
        {"message": "a", "ts": "2026-11-20T09:00:00Z", "level": "error"},
        {"message": "b", "ts": "2026-11-20T09:30:00Z", "module": "stock"},
        {"message": "c", "ts": "2026-11-20T09:45:00Z", "project": "bank"},
    )

    async def found(path: str, **query: Any) -> str:
        answer = await admin.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return "".join(one["message"] for one in answer.json()["items"])

    dates = {"from": "2026-11-20T09:00:00Z", "to": "2026-11-20T09:45:00Z"}
    assert await found("log") == "cba"
    assert await found("log/by_count", count=2) == "cb"
    assert await found("log/by_dates", **dates) == "ba"
    assert await found("log/by_level", level="error") == "a"
    assert await found("log/by_module", module="stock") == "b"
    assert await found("log/by_project", project="bank") == "c"
    assert await found("log", **dates, level="info", module="stock", project="shop") == "b"
    record = await first(admin, q="a")
    changed = await admin.api.post("log", json={"id": record["id"], "level": "critical"})
    assert changed.json() == {**record, "level": "critical"}
    assert (await admin.api.delete("log", params={"id": record["id"]})).status_code == 204
    assert await found("log") == "cb"
