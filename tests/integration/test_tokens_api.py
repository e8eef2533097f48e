"""Tokens have some of their owner's rights, never more, and end when they should."""

from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update

from notilog import clock
from notilog.db.session import transaction
from notilog.users.tables import TokenRow
from tests.integration.conftest import Person, SignIn

SHIPPER = {"name": "shipper", "scopes": ["logs:write"]}


async def minted(person: Person, **fields: object) -> dict[str, str]:
    """The header of a new token of this person."""
    answer = await person.api.post("tokens", json={**SHIPPER, **fields})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_a_token_is_shown_once_and_known_until_it_is_revoked(
    ann: Person, anonymous: AsyncClient
) -> None:
    made = (await ann.api.post("tokens", json={**SHIPPER, "project": "shop"})).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert made["token"].startswith("ntl_")
    current = (await anonymous.get("sessions/current", headers=bearer)).json()
    assert (current["login"], current["scopes"], current["project"]) == (
        "ann",
        ["logs:write"],
        "shop",
    )
    (listed,) = (await ann.api.get("tokens")).json()["items"]
    assert listed["id"] == made["id"]
    assert made["token"] not in str(listed)
    async with transaction() as tx:
        assert made["token"].encode() != await tx.scalar(select(TokenRow.token_hash))
    assert (await ann.api.delete(f"tokens/{made['id']}")).status_code == 204
    assert (await anonymous.get("sessions/current", headers=bearer)).status_code == 401
    assert (await ann.api.delete(f"tokens/{made['id']}")).status_code == 404


async def test_nobody_revokes_the_tokens_of_others_but_administrators(
    ann: Person, sign_in: SignIn, admin: Person
) -> None:
    ben = await sign_in("ben")
    made = (await ann.api.post("tokens", json=SHIPPER)).json()
    assert (await ben.api.delete(f"tokens/{made['id']}")).status_code == 404
    assert (await ben.api.get("tokens")).json()["items"] == []
    assert (await admin.api.delete(f"tokens/{made['id']}")).status_code == 204


@pytest.mark.parametrize("scope", ["admin", "logs:admin", "observers:admin"])
async def test_a_user_makes_no_token_beyond_their_role(ann: Person, scope: str) -> None:
    answer = await ann.api.post("tokens", json={**SHIPPER, "scopes": ["logs:read", scope]})
    assert answer.status_code == 403
    assert scope in answer.json()["detail"]


async def test_a_token_makes_only_narrower_ones_that_end_with_it(
    ann: Person, anonymous: AsyncClient
) -> None:
    end = clock.now() + timedelta(hours=1)
    bearer = await minted(
        ann, scopes=["logs:read", "logs:write"], project="shop", expires_at=end.isoformat()
    )
    for beyond in (
        {"scopes": ["events:read"]},
        {"project": "bank"},
        {"expires_at": (end + timedelta(seconds=1)).isoformat()},
    ):
        refused = await anonymous.post("tokens", json={**SHIPPER, **beyond}, headers=bearer)
        assert refused.status_code == 403
    made = await anonymous.post("tokens", json=SHIPPER, headers=bearer)
    child = {"Authorization": f"Bearer {made.json()['token']}"}
    current = (await anonymous.get("sessions/current", headers=child)).json()
    assert current["project"] == "shop"
    assert current["expires_at"] == end.isoformat().replace("+00:00", "Z")
    parent = (await ann.api.get("tokens")).json()["items"][-1]
    await ann.api.delete(f"tokens/{parent['id']}")
    assert (await anonymous.get("sessions/current", headers=child)).status_code == 401


async def test_a_token_sees_and_changes_nothing_of_its_owners_account(
    ann: Person, anonymous: AsyncClient
) -> None:
    bearer = await minted(ann)
    assert "email" not in (await anonymous.get("users/ann", headers=bearer)).json()
    for refused in (
        await anonymous.patch("users/ann", json={"email": "x@example.org"}, headers=bearer),
        await anonymous.get("tokens", headers=bearer),
        await anonymous.delete(f"tokens/{'0' * 8}-0000-7000-8000-{'0' * 12}", headers=bearer),
    ):
        assert refused.status_code == 403


async def test_a_token_loses_what_its_owner_loses(
    sign_in: SignIn, admin: Person, anonymous: AsyncClient
) -> None:
    boss = await sign_in("boss", role="admin")
    bearer = await minted(boss, scopes=["admin"])
    assert (await anonymous.get("health", headers=bearer)).status_code == 200
    await admin.api.patch("users/boss", json={"role": "user"})
    assert (await anonymous.get("health", headers=bearer)).status_code == 403


async def test_an_expired_token_is_not_known(ann: Person, anonymous: AsyncClient) -> None:
    past = (clock.now() - timedelta(seconds=1)).isoformat()
    refused = await ann.api.post("tokens", json={**SHIPPER, "expires_at": past})
    assert refused.json()["errors"][0]["field"] == "expires_at"
    bearer = await minted(ann)
    async with transaction() as tx:
        await tx.execute(update(TokenRow).values(expires_at=clock.now()))
    assert (await anonymous.get("sessions/current", headers=bearer)).status_code == 401


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("scopes", {"scopes": []}),
        ("scopes.0", {"scopes": ["root"]}),
        ("name", {"name": ""}),
        ("project", {"project": ""}),
        ("expires_at", {"expires_at": "2030-01-01T00:00:00"}),
        ("expires_at", {"expires_at": "soon"}),
    ],
)
async def test_a_refusal_names_the_field(
    ann: Person, field: str, fields: dict[str, object]
) -> None:
    refused = await ann.api.post("tokens", json={**SHIPPER, **fields})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field
