"""Alert rules over REST: whose they are, what is refused and why, and their dry runs."""

from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from notilog import clock
from notilog import settings as schema
from tests.integration.alerting import failure, states, stored
from tests.integration.conftest import Person, SignIn
from tests.integration.planning import refused_fields

RULE: dict[str, Any] = {"name": "Refused", "project": "shop", "pattern": "refused"}


async def made(by: Person, **fields: Any) -> dict[str, Any]:
    answer = await by.api.post("alert_rules", json={**RULE, **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"alert_rules/{body['id']}"
    return body


async def with_token(person: Person, anonymous: AsyncClient, **wish: Any) -> dict[str, str]:
    wished = {"name": "narrow", "scopes": ["logs:read"], **wish}
    token = (await person.api.post("tokens", json=wished)).json()["token"]
    return {"Authorization": f"Bearer {token}"}


async def test_a_rule_is_made_read_changed_and_deleted(ann: Person) -> None:
    rule = await made(ann, min_level="WARN", attrs={"order": 18}, group_by=["host"])
    expected = {
        **RULE,
        "owner": "ann",
        "enabled": True,
        "kind": "match",
        "module": None,
        "level": None,
        "min_level": "warning",
        "attrs": {"order": "18"},
        "count": 1,
        "within_seconds": None,
        "group_by": ["host"],
        "cooldown_seconds": 300,
        "incident": False,
        "recipients": [{"login": "ann", "channel": None}],
        "version": 1,
    }
    assert {name: rule[name] for name in expected} == expected
    path = f"alert_rules/{rule['id']}"
    read = await ann.api.get(path)
    assert (read.json(), read.headers["etag"]) == (rule, '"1"')
    changes = {"min_level": None, "count": 3, "within_seconds": 60, "incident": True}
    answer = await ann.api.patch(path, json=changes, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == '"2"'
    changed = answer.json()
    assert changed == {**rule, **changes, "version": 2, "updated_at": changed["updated_at"]}
    stale = await ann.api.patch(path, json={"count": 4}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await ann.api.delete(path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await ann.api.delete(path)).status_code == 204
    assert (await ann.api.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"name": " "}, ["name"]),
        ({"pattern": "("}, ["pattern"]),
        ({"pattern": "a" * 1001}, ["pattern"]),
        ({"level": "loud", "count": 2}, ["level", "within_seconds"]),
        ({"kind": "absence"}, ["within_seconds"]),
        ({"cooldown_seconds": 0}, ["cooldown_seconds"]),
        ({"group_by": ["colour"]}, ["group_by.0"]),
        ({"colour": "red"}, ["colour"]),
        ({"incident": "maybe"}, ["incident"]),
        ({"recipients": [{"login": "ann", "channel": "pigeon"}]}, ["recipients.0.channel"]),
        ({"recipients": [{"login": "ann"}, {"login": "Ann"}]}, ["recipients.1.login"]),
    ],
)
async def test_what_is_wrong_is_named(
    ann: Person, fields: dict[str, Any], refused: list[str]
) -> None:
    assert refused_fields(await ann.api.post("alert_rules", json={**RULE, **fields})) == refused
    changed = await ann.api.patch(f"alert_rules/{(await made(ann))['id']}", json=fields)
    assert refused_fields(changed) == refused


async def test_only_who_may_lets_a_rule_tell_others(
    ann: Person, admin: Person, sign_in: SignIn
) -> None:
    ben = await sign_in("ben")
    to_ben = {"recipients": [{"login": "ben", "channel": "telegram"}]}
    refusal = await ann.api.post("alert_rules", json={**RULE, **to_ben})
    assert refusal.status_code == 403
    assert "logs:admin" in refusal.json()["detail"]
    rule = await made(ann)
    path = f"alert_rules/{rule['id']}"
    assert (await ann.api.patch(path, json=to_ben)).status_code == 403
    told = (await admin.api.patch(path, json=to_ben)).json()
    assert (told["owner"], told["recipients"]) == ("ann", to_ben["recipients"])
    # Somebody else is told by now: what they are told is not for ann to change.
    assert (await ann.api.patch(path, json={"pattern": "."})).status_code == 403
    assert refused_fields(
        await admin.api.patch(path, json={"recipients": [{"login": "nobody"}]})
    ) == ["recipients.0.login"]
    assert (await ben.api.get(path)).status_code == 404
    assert (await ben.api.delete(path)).status_code == 404
    assert (await ann.api.patch(path, json={"recipients": []})).json()["recipients"] == []


async def test_a_list_has_ones_own_and_for_who_may_all(ann: Person, admin: Person) -> None:
    mine = [(await made(ann, name=f"{number}"))["id"] for number in range(3)]
    await made(admin)
    page = (await ann.api.get("alert_rules", params={"limit": 2})).json()
    assert [rule["id"] for rule in page["items"]] == [mine[2], mine[1]]
    rest = (await ann.api.get("alert_rules", params={"cursor": page["next"]})).json()
    assert ([rule["id"] for rule in rest["items"]], rest["next"]) == ([mine[0]], None)
    assert len((await admin.api.get("alert_rules")).json()["items"]) == 4
    bad = await ann.api.get("alert_rules", params={"cursor": "?"})
    assert refused_fields(bad) == ["cursor"]


async def test_a_token_of_a_project_has_rules_of_that_project(
    ann: Person, anonymous: AsyncClient
) -> None:
    of_shop = await made(ann, project="shop")
    other = await made(ann, project="bank")
    headers = await with_token(ann, anonymous, project="shop")
    listed = (await anonymous.get("alert_rules", headers=headers)).json()["items"]
    assert [rule["id"] for rule in listed] == [of_shop["id"]]
    path = f"alert_rules/{other['id']}"
    assert (await anonymous.get(path, headers=headers)).status_code == 404
    assert (await anonymous.post(f"{path}/test", json={}, headers=headers)).status_code == 404
    bank = {"name": "Bank", "project": "bank"}
    for where in ("alert_rules", "alert_rules/test"):
        assert (await anonymous.post(where, json=bank, headers=headers)).status_code == 403
    new = await anonymous.post("alert_rules", json={"name": "Any"}, headers=headers)
    assert new.json()["project"] == "shop"
    moved = await anonymous.patch(
        f"alert_rules/{of_shop['id']}", json={"project": "bank"}, headers=headers
    )
    assert moved.status_code == 403
    await stored(failure(), failure(project="bank"))
    tried = await anonymous.post("alert_rules/test", json={}, headers=headers)
    assert tried.json()["matched"] == 1


async def test_nobody_has_too_many(ann: Person, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_LOGS__ALERTS__RULES", "1")
    schema.load()
    await made(ann)
    assert (await ann.api.post("alert_rules", json=RULE)).status_code == 409


async def test_absence_is_waited_for_while_the_rule_is_enabled(ann: Person) -> None:
    rule = await made(ann, kind="absence", within_seconds=60)
    path = f"alert_rules/{rule['id']}"
    assert [state.fingerprint for state in await states()] == [""]
    await ann.api.patch(path, json={"enabled": False})
    assert await states() == []
    await ann.api.patch(path, json={"enabled": True})
    (before,) = await states()
    await ann.api.patch(path, json={"name": "Other"})
    assert [state.wake_at for state in await states()] == [before.wake_at]
    await ann.api.delete(path)
    assert await states() == []


async def test_a_dry_run_says_what_would_have_been_sent(ann: Person) -> None:
    begin = clock.now().replace(microsecond=0) - timedelta(hours=1)
    times = [(begin + timedelta(seconds=seconds)).isoformat() for seconds in range(10)]
    lines = [failure(f"order {n} refused", ts=ts) for n, ts in enumerate(times)]
    await stored(*lines, failure("payment refused", ts=times[-1]), failure("sold", ts=times[-1]))
    rule = await made(ann)
    tried = (await ann.api.post(f"alert_rules/{rule['id']}/test", json={})).json()
    assert {name: tried[name] for name in ("records", "matched", "groups", "messages", "cut")} == {
        "records": 12,
        "matched": 11,
        "groups": 2,
        "messages": 3,
        "cut": None,
    }
    assert [(one["said"], one["count"], one["line"]["message"]) for one in tried["sent"]] == [
        ("matched", 1, "order 0 refused"),
        ("matched", 1, "payment refused"),
        ("more", 9, "order 9 refused"),
    ]
    assert {line["message"] for line in tried["examples"]} == {"order 0 refused", "payment refused"}
    span = {"from": times[3], "to": times[5]}
    part = (await ann.api.post("alert_rules/test", json={**RULE, **span})).json()
    assert (part["matched"], part["messages"]) == (2, 1)
    assert part["sent"][0]["line"]["level"] == "error"
    turned = {"from": times[5], "to": times[3]}
    assert refused_fields(await ann.api.post("alert_rules/test", json=turned)) == ["body"]
    assert refused_fields(await ann.api.post("alert_rules/test", json={"pattern": "["})) == [
        "pattern"
    ]
    far = {"from": "9999-12-20T00:00:00Z", "to": "9999-12-31T00:00:00Z"}
    assert refused_fields(await ann.api.post("alert_rules/test", json={**RULE, **far})) == ["from"]
