"""Incidents on the socket: told on every change to whom they concern, and acknowledged there."""

from datetime import timedelta
from uuid import UUID, uuid4

from notilog import clock
from notilog.agents import connecting, enrolment, watching
from notilog.agents.protocol import About, Heartbeat
from notilog.db.session import transaction
from notilog.incidents import acting, escalating
from notilog.users.caller import Caller
from notilog.users.credentials import caller_behind
from tests.integration.decided import rows
from tests.integration.incidents.raising import happened, incidents, occur, occurrence
from tests.integration.sockets.talking import person, signed_in, token_of

MINUTE = timedelta(minutes=1)


async def caller_of(session_id: str) -> Caller:
    async with transaction() as tx:
        caller = await caller_behind(tx, session_id, now=clock.now())
    assert caller is not None
    return caller


async def an_agent(owner: Caller) -> UUID:
    """One whose last heartbeat was half an hour ago, and was seen then."""
    then = clock.now() - 30 * MINUTE
    async with transaction() as tx:
        code = await enrolment.allow(tx, owner, now=then)
    about = About(name="web-1", version="1.0")
    connection_id = uuid4()
    async with transaction() as tx:
        enrolled = await enrolment.enrol(tx, code.code, about=about, now=then)
    async with transaction() as tx:
        caller = await caller_behind(tx, enrolled.token, now=then)
        assert caller is not None
        await connecting.connected(
            tx, caller, about=about, connection_id=connection_id, node="n", now=then
        )
        await connecting.heard(
            tx,
            enrolled.agent_id,
            connection_id=connection_id,
            beat=Heartbeat(at=then, checks=[]),
            now=then,
        )
    await watching.watch(then)
    return enrolled.agent_id


async def test_an_agent_that_is_gone_is_acknowledged_and_told_no_more(url: str, admin: str) -> None:
    agent_id = await an_agent(await caller_of(admin))
    async with signed_in(url, admin) as client:
        await client.subscribe("incidents")
        await watching.watch(clock.now() - 25 * MINUTE)
        (opened,) = await client.data(1)
        assert (opened["key"], opened["state"]) == (f"agent:{agent_id}", "open")
        (delivery,) = await rows()
        assert (delivery.kind, delivery.content["about"]["said"]) == ("incident", "offline")
        async with transaction() as tx:
            await escalating.tick(tx, clock.now() - 20 * MINUTE)
        (again,) = await client.data(1)
        assert again["step"] == 2
        answer = await client.ask(type="acknowledge", id="k", incident_id=opened["id"])
        assert answer == {
            "type": "acknowledge",
            "id": "k",
            "incident_id": opened["id"],
            "state": "acknowledged",
            "acknowledged_by": "admin",
        }
        (known,) = await client.data(1)
        assert (known["state"], known["acknowledged_by"]) == ("acknowledged", "admin")
        async with transaction() as tx:
            await escalating.tick(tx, clock.now() + 600 * MINUTE)
    assert len(await rows()) == 2
    (incident,) = await incidents()
    assert await happened(incident.id) == ["opened", "told", "told", "acknowledged"]


async def test_only_those_whom_it_concerns_hear_of_it(url: str, ann: str, admin: str) -> None:
    eve = await person("eve")
    bound = await token_of(ann, "incidents:read", project="shop")
    async with (
        signed_in(url, ann) as own,
        signed_in(url, eve) as other,
        signed_in(url, admin) as every,
        signed_in(url, bound) as of_shop,
    ):
        for client in (own, other, every, of_shop):
            await client.subscribe("incidents")
        caller = await caller_of(ann)
        await occur(occurrence(caller, key="one"))
        incident = await occur(occurrence(caller, key="two", project="shop"))
        assert [one["key"] for one in await own.data(2)] == ["one", "two"]
        assert [one["key"] for one in await every.data(2)] == ["one", "two"]
        assert [one["key"] for one in await of_shop.data(1)] == ["two"]
        async with transaction() as tx:
            await acting.resolve(tx, caller, incident_id=incident.id, now=clock.now())
        assert [one["state"] for one in await of_shop.data(1)] == ["resolved"]
        assert (await other.ask(type="ping", id="p"))["type"] == "pong"
        assert other.frames == []
        wrong = await own.ask(
            type="subscribe", id="x", topic="incidents", filter={"severity": "info"}
        )
        assert (wrong["code"], wrong["errors"][0]["field"]) == ("invalid", "filter")


async def test_what_cannot_be_acknowledged_says_why(url: str, ann: str) -> None:
    eve = await person("eve")
    caller = await caller_of(ann)
    incident = await occur(occurrence(caller))
    reader = await token_of(ann, "incidents:read")
    asked = {"type": "acknowledge", "id": "k", "incident_id": str(incident.id)}
    async with signed_in(url, ann) as client:
        wrong = await client.ask(**{**asked, "incident_id": "none"})
        assert (wrong["code"], wrong["errors"][0]["field"]) == ("invalid", "incident_id")
        async with transaction() as tx:
            await acting.resolve(tx, caller, incident_id=incident.id, now=clock.now())
        assert (await client.ask(**asked))["code"] == "conflict"
    for token, code in ((eve, "not_found"), (reader, "forbidden")):
        async with signed_in(url, token) as client:
            assert (await client.ask(**asked))["code"] == code
