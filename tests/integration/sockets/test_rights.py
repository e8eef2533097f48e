"""Who may hear what, for how long, and what is refused."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from sqlalchemy import delete, update

from notilog import clock
from notilog.db.session import transaction
from notilog.logs.connectors.connector import Handed
from notilog.logs.connectors.live import Live
from notilog.logs.intake import Sent, accept
from notilog.realtime.events_queue import Notice, tell
from notilog.users.credentials import caller_behind, digest
from notilog.users.tables import SessionRow, UserRow
from tests.integration.log_traffic import record
from tests.integration.sockets.talking import connected, person, signed_in, token_of, told


async def arrived(*records: dict[str, Any]) -> None:
    """These are stored and handed to those who watch."""
    live = Live()
    now = clock.now()
    batch = accept(Sent(json.dumps(records).encode()), now=now)
    await live.take([Handed(uuid4(), now, batch.rows)])
    await live.close()


async def test_what_one_may_not_see_is_refused(url: str, ann: str) -> None:
    async with signed_in(url, ann) as client:
        for topic, code in (("observers", "forbidden"), ("weather", "not_found")):
            answer = await client.ask(type="subscribe", id="a", topic=topic)
            assert (answer["type"], answer["id"], answer["code"]) == ("error", "a", code)
    bound = await token_of(ann, "events:read")
    async with signed_in(url, bound) as client:
        answer = await client.ask(type="subscribe", id="a", topic="logs")
        assert answer["code"] == "forbidden"


async def test_records_are_filtered_as_tail_does(url: str, ann: str) -> None:
    bound = await token_of(ann, "logs:read", project="shop")
    async with signed_in(url, ann) as every, signed_in(url, bound) as client:
        await every.subscribe("logs")
        foreign = await client.ask(
            type="subscribe", id="x", topic="logs", filter={"project": "bank"}
        )
        assert foreign["code"] == "forbidden"
        wrong = await client.ask(type="subscribe", id="x", topic="logs", filter={"text": "("})
        assert wrong["errors"][0]["field"] == "filter.text"
        wrong = await client.ask(type="subscribe", id="x", topic="logs", filter={"port": 1})
        assert wrong["code"] == "invalid"
        wrong = await client.ask(type="subscribe", id="x", topic="logs", filter={"min_level": "?"})
        assert wrong["code"] == "invalid"
        narrowed = {"min_level": "error", "module": "cart", "text": "^order [0-9]+"}
        await client.subscribe("logs", filter=narrowed)
        await arrived(
            record("order 1", level="error", project="bank"),
            record("order 2", level="info"),
            record("order 3", level="error"),
            record("an order 4", level="error"),
            record("order 5", level="error", module="desk"),
        )
        await arrived(record("order 6", level="critical"))
        assert [one["message"] for one in await client.data(2)] == ["order 3", "order 6"]
        assert len(await every.data(6)) == 6


async def test_only_ones_own_deliveries_are_told(url: str, ann: str, admin: str) -> None:
    async with transaction() as tx:
        caller = await caller_behind(tx, ann, now=clock.now())
    assert caller is not None
    async with signed_in(url, ann) as own, signed_in(url, admin) as every:
        await own.subscribe("deliveries")
        await every.subscribe("deliveries")
        for to, number in ((uuid4(), 1), (caller.user_id, 2)):
            async with transaction() as tx:
                tell(tx, "deliveries", [Notice({"n": number}, to=(to,))])
        assert await own.data(1) == [{"n": 2}]
        assert await every.data(2) == [{"n": 1}, {"n": 2}]


async def test_what_was_not_committed_is_not_told(url: str, admin: str) -> None:
    async with signed_in(url, admin) as client:
        await client.subscribe("observers")
        with pytest.raises(ZeroDivisionError):
            async with transaction() as tx:
                tell(tx, "observers", [Notice({"n": 1})])
                raise ZeroDivisionError
        await told("observers", {"n": 2})
        assert await client.data(1) == [{"n": 2}]


async def test_a_session_that_ended_closes_its_sockets(url: str, ann: str) -> None:
    async with signed_in(url, ann) as client:
        await client.subscribe("user")
        async with transaction() as tx:
            await tx.execute(delete(SessionRow).where(SessionRow.id_hash == digest(ann)))
        assert await client.code() == 4401


async def test_a_wrong_token_and_silence_are_turned_away(url: str, tmp_path: Path) -> None:
    async with connected(url) as client:
        answer = await client.ask(type="auth", token="ntl_this-is-no-token")
        assert answer["code"] == "unauthenticated"
        assert await client.code() == 4401
    async with connected(url) as client:
        assert await client.code() == 4401
    for first in ({"type": "ping"}, {"type": "auth", "token": 5}, {"type": "auth", "x": 1}):
        async with connected(url, path="/api/v1/ws") as client:
            assert (await client.ask(**first))["code"] == "invalid"
            assert await client.code() == 4400
    async with connected(url) as client:
        assert (await client.ask(type="auth"))["code"] == "unauthenticated"
    assert "this-is-no-token" not in (tmp_path / "api.log").read_text()


async def test_a_cookie_counts_for_pages_of_this_server_only(url: str, ann: str) -> None:
    cookie = {"Cookie": f"notilog_session={ann}"}
    async with connected(url, headers=cookie | {"Origin": url}) as client:
        assert (await client.ask(type="auth"))["login"] == "ann"
    for origin in ({"Origin": "https://elsewhere.example"}, {}):
        async with connected(url, headers=cookie | origin) as client:
            assert (await client.ask(type="auth"))["code"] == "forbidden"
            assert await client.code() == 4401


async def test_there_is_no_socket_elsewhere(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{url}/api/v1/users")
        async with session.get(f"{url}/ws") as plain:
            assert plain.status == 404


async def test_lost_rights_close_the_socket(url: str) -> None:
    token = await person("max", role="admin")
    async with signed_in(url, token) as client:
        await client.subscribe("observers")
        async with transaction() as tx:
            await tx.execute(update(UserRow).where(UserRow.login == "max").values(role="user"))
        assert await client.code() == 4401
