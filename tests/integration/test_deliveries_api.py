"""Deliveries and channels over HTTP."""

from uuid import UUID

import pytest
from sqlalchemy import select

from notilog import settings as schema
from notilog.db.session import reading
from notilog.users.tables import UserRow
from tests.integration.conftest import Person, SignIn
from tests.integration.decided import alter, decide, decision, rows
from tests.outside.smtp import mail_server


async def user_id(person: Person) -> UUID:
    async with reading() as tx:
        found = await tx.scalar(select(UserRow.id).where(UserRow.login == person.login))
    assert found is not None
    return found


async def test_a_delivery_says_everything_about_itself(ann: Person, admin: Person) -> None:
    one = decision(await user_id(ann))
    await decide(one, decision(await user_id(admin)))
    page = (await ann.api.get("deliveries")).json()
    (item,) = page["items"]
    assert page["next"] is None
    assert item["event_id"] == str(one.event_id)
    assert (item["login"], item["channel"], item["before"]) == ("ann", "email", "15m")
    assert (item["status"], item["attempts"], item["late_ms"]) == ("pending", 0, None)
    assert item["due_at"].endswith("Z")
    everybody = (await admin.api.get("deliveries", params={"limit": 1})).json()
    assert everybody["items"][0]["login"] == "admin"
    rest = await admin.api.get("deliveries", params={"cursor": everybody["next"]})
    assert [item["login"] for item in rest.json()["items"]] == ["ann"]


async def test_filters(ann: Person) -> None:
    one = decision(await user_id(ann))
    await decide(one, decision(await user_id(ann), channel="log"))
    for params, found in (
        ({"event_id": str(one.event_id)}, 1),
        ({"login": "ANN"}, 2),
        ({"login": "nobody"}, 0),
        ({"channel": "log"}, 1),
        ({"status": "sent"}, 0),
    ):
        answer = await ann.api.get("deliveries", params=params)
        assert len(answer.json()["items"]) == found, params


@pytest.mark.parametrize("query", ["status=lost", "event_id=1", "limit=0", "cursor=x"])
async def test_a_wrong_filter_is_named(ann: Person, query: str) -> None:
    answer = await ann.api.get(f"deliveries?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_only_a_dead_delivery_can_be_retried(ann: Person, sign_in: SignIn) -> None:
    await decide(decision(await user_id(ann)))
    (row,) = await rows()
    path = f"deliveries/{row.id}/retry"
    assert (await ann.api.post(path)).status_code == 409
    await alter(status="dead", last_error="HTTP 500", attempts=12)
    bob = await sign_in("bob")
    assert (await bob.api.post(path)).status_code == 404
    answer = await ann.api.post(path)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["attempts"]) == ("pending", 0)


async def test_channels_say_what_they_need_and_tell_no_secret(
    ann: Person, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_CHANNELS__EMAIL__HOST", "smtp.example.org")
    environment.setenv("NOTILOG_CHANNELS__EMAIL__PASSWORD", "sesame")
    schema.load()
    answer = await ann.api.get("channels")
    assert "sesame" not in answer.text
    channels = {channel["kind"]: channel for channel in answer.json()["items"]}
    assert channels["log"]["configured"]
    assert channels["email"]["configured"]
    assert channels["email"]["label"] == "E-mail"
    properties = channels["email"]["config_schema"]["properties"]
    assert properties["password"]["writeOnly"]
    assert "from" in properties
    assert not channels["webhook"]["configured"]
    assert channels["webhook"]["missing"] == [
        "NOTILOG_CHANNELS__WEBHOOK__URL",
        "NOTILOG_CHANNELS__WEBHOOK__SECRET",
    ]


async def test_an_administrator_tries_a_channel_out(
    ann: Person, admin: Person, environment: pytest.MonkeyPatch
) -> None:
    async with mail_server() as box:
        environment.setenv("NOTILOG_CHANNELS__EMAIL__HOST", "127.0.0.1")
        environment.setenv("NOTILOG_CHANNELS__EMAIL__PORT", str(box.port))
        environment.setenv("NOTILOG_CHANNELS__EMAIL__TLS", "none")
        schema.load()
        body = {"to": "ann@example.org"}
        assert (await ann.api.post("channels/email/test", json=body)).status_code == 403
        answer = await admin.api.post("channels/email/test", json=body)
        assert answer.status_code == 200
        assert box.ids == [f"<{answer.json()['id']}@localhost>"]
        box.answers["ann@example.org"] = ["451 busy", "554 spam"]
        for status, detail in ((503, "SMTP 451: busy"), (422, "SMTP 554: spam")):
            answer = await admin.api.post("channels/email/test", json=body)
            assert (answer.status_code, answer.json()["detail"]) == (status, detail)


async def test_trying_out_refuses_private_targets_and_unknown_channels(
    admin: Person, environment: pytest.MonkeyPatch
) -> None:
    body = {"to": "http://169.254.169.254/latest/meta-data"}
    answer = await admin.api.post("channels/webhook/test", json=body)
    assert (answer.status_code, "not configured" in answer.json()["detail"]) == (422, True)
    environment.setenv("NOTILOG_CHANNELS__WEBHOOK__URL", "https://example.org/hook")
    environment.setenv("NOTILOG_CHANNELS__WEBHOOK__SECRET", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")
    schema.load()
    answer = await admin.api.post("channels/webhook/test", json=body)
    assert (answer.status_code, "private address" in answer.json()["detail"]) == (422, True)
    answer = await admin.api.post("channels/pigeon/test", json=body)
    assert answer.status_code == 404
