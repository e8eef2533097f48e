"""Incidents over REST: whose they are, how they are found, and what is refused."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import select

from notilog import clock
from notilog.db.session import transaction
from notilog.users.caller import Caller
from notilog.users.tables import UserRow
from tests.integration.conftest import Person, SignIn
from tests.integration.incidents.raising import occur, occurrence
from tests.integration.planning import refused_fields


async def caller_of(person: Person) -> Caller:
    async with transaction() as tx:
        row = (await tx.scalars(select(UserRow).where(UserRow.login == person.login))).one()
    return Caller(row.id, row.login, row.role, scopes=None, project=None)


async def opened(person: Person, **changes: Any) -> UUID:
    made = occurrence(await caller_of(person), at=clock.now(), **changes)
    return (await occur(made)).id


async def listed(person: Person, **query: Any) -> list[str]:
    answer = await person.api.get("incidents", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


async def test_an_incident_is_shown_acknowledged_silenced_and_resolved(ann: Person) -> None:
    path = f"incidents/{await opened(ann)}"
    shown = (await ann.api.get(path)).json()
    assert (shown["state"], shown["severity"], shown["step"]) == ("open", "critical", 1)
    assert (shown["title"], shown["source"], shown["count"]) == ("web-1 — db", "agent", 1)
    assert shown["about"]["detail"] == "refused"
    known = (await ann.api.post(f"{path}/acknowledge")).json()
    assert (known["state"], known["acknowledged_by"]) == ("acknowledged", "ann")
    until = (clock.now() + timedelta(hours=2)).replace(microsecond=0)
    silenced = await ann.api.post(f"{path}/silence", json={"until": until.isoformat()})
    assert silenced.json()["silenced_until"] == until.isoformat().replace("+00:00", "Z")
    over = (await ann.api.post(f"{path}/resolve")).json()
    assert (over["state"], over["resolved_by"], over["silenced_until"]) == (
        "resolved",
        "ann",
        None,
    )
    assert (await ann.api.post(f"{path}/resolve")).status_code == 200
    assert (await ann.api.post(f"{path}/acknowledge")).status_code == 409
    page = (await ann.api.get(f"{path}/history", params={"limit": 2})).json()
    rest = (await ann.api.get(f"{path}/history", params={"cursor": page["next"]})).json()
    happened = [(one["what"], one["by"]) for one in page["items"] + rest["items"]]
    assert happened == [
        ("resolved", "ann"),
        ("silenced", "ann"),
        ("acknowledged", "ann"),
        ("told", None),
        ("opened", None),
    ]


async def test_they_are_listed_by_pages_and_filtered(ann: Person, admin: Person) -> None:
    first = str(await opened(ann, key="agent:1"))
    second = str(await opened(ann, key="alert:a_b:x", source="alert", project="shop"))
    third = str(await opened(ann, key="alert:aXb:x", source="alert", severity="info"))
    page = (await ann.api.get("incidents", params={"limit": 2})).json()
    assert [one["id"] for one in page["items"]] == [third, second]
    assert await listed(ann, cursor=page["next"]) == [first]
    await ann.api.post(f"incidents/{first}/acknowledge")
    await ann.api.post(f"incidents/{second}/resolve")
    assert await listed(ann, state="open") == [third]
    assert await listed(ann, state=["acknowledged", "resolved"]) == [second, first]
    assert await listed(ann, severity=["info", "warning"]) == [third]
    assert await listed(ann, source="agent") == [first]
    assert await listed(ann, key="alert:a_b") == [second]
    assert await listed(ann, project="shop") == [second]
    metrics = (await admin.api.get("metrics")).text
    for state in ("open", "acknowledged", "resolved"):
        assert f'notilog_incidents{{state="{state}"}} 1.0' in metrics


async def test_others_see_only_what_concerns_them(
    ann: Person, admin: Person, anonymous: AsyncClient, sign_in: SignIn
) -> None:
    ben = await sign_in("ben")
    path = f"incidents/{await opened(ann, key='of the shop', project='shop')}"
    other = str(await opened(ann))
    assert len(await listed(admin)) == 2
    assert await listed(ben) == []
    assert (await ben.api.get(path)).status_code == 404
    assert (await ben.api.get(f"{path}/history")).status_code == 404
    assert (await ben.api.post(f"{path}/resolve")).status_code == 404
    for scope, status in (("incidents:read", 403), ("incidents:write", 200)):
        wish = {"name": "t", "scopes": [scope], "project": "shop"}
        token = (await ann.api.post("tokens", json=wish)).json()["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await anonymous.post(f"{path}/acknowledge", headers=bearer)).status_code == status
        if scope == "incidents:read":
            found = (await anonymous.get("incidents", headers=bearer)).json()["items"]
            assert [one["key"] for one in found] == ["of the shop"]
            foreign = await anonymous.get(f"incidents/{other}", headers=bearer)
            assert foreign.status_code == 404
    assert (await admin.api.post(f"{path}/resolve")).json()["resolved_by"] == "admin"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "closed"}, "state.0"),
        ({"severity": "loud"}, "severity.0"),
        ({"key": ""}, "key"),
        ({"cursor": "none"}, "cursor"),
        ({"limit": "0"}, "limit"),
    ],
)
async def test_a_wrong_question_names_the_field(
    ann: Person, query: dict[str, str], field: str
) -> None:
    assert refused_fields(await ann.api.get("incidents", params=query)) == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "until"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "9999-01-01T00:00:00Z"}, "until"),
        ({"until": "2030-01-01T00:00:00"}, "until"),
        ({"until": None, "for": "2h"}, "for"),
    ],
)
async def test_a_wrong_silence_names_the_field(
    ann: Person, body: dict[str, Any], field: str
) -> None:
    path = f"incidents/{await opened(ann)}"
    assert refused_fields(await ann.api.post(f"{path}/silence", json=body)) == [field]
    assert refused_fields(await ann.api.get("incidents/none")) == ["incident_id"]
