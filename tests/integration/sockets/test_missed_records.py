"""Records that the stream has not any more come from the database."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis

from notilog import clock
from notilog.db.session import transaction
from notilog.logs import catching_up, store
from notilog.logs.connectors.connector import Handed
from notilog.logs.connectors.live import Live
from notilog.logs.intake import Sent, accept
from tests.integration.log_traffic import record
from tests.integration.sockets.talking import Client, signed_in, token_of

MANY = catching_up.PAGE + 20


async def arrived(*records: dict[str, Any]) -> None:
    """These are stored, and handed to those who watch."""
    live = Live()
    batch = accept(Sent(json.dumps(records).encode()), now=clock.now())
    async with transaction() as tx:
        await store.keep(tx, [batch])
    await live.take([Handed(uuid4(), clock.now(), batch.rows)])
    await live.close()


async def watched(url: str, token: str) -> dict[str, Any]:
    """Where somebody left off who saw the first record."""
    async with signed_in(url, token) as client:
        await client.subscribe("logs")
        await arrived(record("first", level="error"))
        message = await client.next()
        assert [one["message"] for one in message["data"]] == ["first"]
        return {name: message[name] for name in ("epoch", "offset", "at")}


@pytest.fixture
def wiped(redis_url: str) -> Any:
    """Forgets everything that Redis has."""

    def wipe() -> None:
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()

    return wipe


async def missed(client: Client) -> tuple[list[str], dict[str, Any]]:
    """What comes until everything was given, and the message that says so."""
    found: list[str] = []
    while (message := await client.next())["data"]:
        found += [one["message"] for one in message["data"]]
    return found, message


async def test_what_was_stored_meanwhile_is_given_from_where_one_left_off(
    url: str, admin: str, wiped: Any
) -> None:
    left = await watched(url, admin)
    await arrived(*(record(f"missed {number}", level="error") for number in range(MANY)))
    await arrived(record("not asked for", level="info"))
    wiped()
    narrowed = {"min_level": "error", "text": "^(first|missed|live)"}
    async with signed_in(url, admin) as client:
        answer = await client.subscribe("logs", after=left, filter=narrowed)
        assert (answer["recovered"], answer["source"]) == (True, "database")
        assert (answer["epoch"], answer["offset"]) == (left["epoch"], left["offset"])
        found, reached = await missed(client)
        # What was read last came within the minute before, and is told again.
        assert found == ["first", *(f"missed {number}" for number in range(MANY))]
        assert reached["epoch"] != left["epoch"]
        await arrived(record("live", level="error"))
        message = await client.next()
        assert [one["message"] for one in message["data"]] == ["live"]
        assert (message["epoch"], message["offset"]) == (reached["epoch"], reached["offset"] + 1)
    async with signed_in(url, admin) as client:
        answer = await client.subscribe("logs", after={**left, **_place(message)})
        assert (answer["recovered"], answer["source"]) == (True, "stream")


def _place(message: dict[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in ("epoch", "offset", "at")}


async def test_who_is_cut_off_in_the_middle_begins_anew(url: str, admin: str, wiped: Any) -> None:
    left = await watched(url, admin)
    await arrived(*(record(f"missed {number}") for number in range(MANY)))
    wiped()
    async with signed_in(url, admin) as client:
        await client.subscribe("logs", after=left)
        half = await client.next()
    assert half["data"]
    async with signed_in(url, admin) as client:
        answer = await client.subscribe("logs", after=_place(half))
        assert answer["source"] == "database"
        found, _ = await missed(client)
        assert len(found) == MANY + 1


@pytest.mark.parametrize("ago", [None, timedelta(days=2), timedelta(hours=-1)])
async def test_what_cannot_be_found_is_said_to_be_missing(
    url: str, admin: str, wiped: Any, ago: timedelta | None
) -> None:
    left = await watched(url, admin)
    wiped()
    left["at"] = None if ago is None else (clock.now() - ago).isoformat()
    async with signed_in(url, admin) as client:
        answer = await client.subscribe("logs", after=left)
        assert (answer["recovered"], answer["source"]) == (False, None)
        assert "GET /api/v1/logs" in answer["advice"]
        wrong = {**left, "at": "2026-11-20T12:00:00"}
        refused = await client.ask(type="subscribe", id="x", topic="logs", after=wrong)
        assert refused["errors"][0]["field"] == "after.at"


async def test_a_project_is_all_that_its_token_is_given(url: str, ann: str, wiped: Any) -> None:
    left = await watched(url, ann)
    await arrived(record("theirs", project="bank"), record("ours", project="shop"))
    wiped()
    bound = await token_of(ann, "logs:read", project="shop")
    async with signed_in(url, bound) as client:
        await client.subscribe("logs", after=left)
        found, _ = await missed(client)
        assert set(found) == {"first", "ours"}


async def test_who_catches_up_is_heard_meanwhile(url: str, admin: str, wiped: Any) -> None:
    left = await watched(url, admin)
    await arrived(*(record(f"missed {number}") for number in range(4 * MANY)))
    wiped()
    async with signed_in(url, admin) as client:
        await client.send(type="subscribe", id="logs", topic="logs", after=left)
        await client.send(type="unsubscribe", id="logs")
        frames = [await client.next()]
        while frames[-1]["type"] != "unsubscribed":
            frames.append(await client.next())
        assert (await client.ask(type="ping", id="p"))["type"] == "pong"
        assert client.frames == []
        again = await client.subscribe("logs", after=left)
        assert again["source"] == "database"
        found, _ = await missed(client)
        assert len(found) == 4 * MANY + 1
