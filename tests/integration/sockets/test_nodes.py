"""Whatever node somebody is connected to, they get every message, each once."""

import asyncio
import signal
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest

from notilog.config import Settings
from notilog.db.session import transaction
from notilog.realtime import events_queue, topics
from notilog.realtime.events_queue import Notice
from tests.integration.sockets.talking import Client, person, signed_in, told
from tests.servers import worker as servers
from tests.servers.api import Node
from tests.servers.worker import environment as environment_of_programs

TOPIC = "observers"


async def test_a_message_reaches_the_clients_of_every_node(
    nodes: tuple[Node, Node], admin: str
) -> None:
    one, two = nodes
    async with signed_in(one.url, admin) as first, signed_in(two.url, admin) as second:
        for client in (first, second):
            answer = await client.subscribe(TOPIC)
            assert not answer["recovered"]
        await told(TOPIC, {"n": 1}, {"n": 2})
        for client in (first, second):
            assert await client.data(2) == [{"n": 1}, {"n": 2}]
        assert (await first.ask(type="ping", id="p"))["type"] == "pong"


async def test_a_decision_on_one_node_is_told_on_the_other(nodes: tuple[Node, Node]) -> None:
    """Only people whom it concerns are told."""
    one, two = nodes
    ann, ben, eve = [await person(login) for login in ("ann", "ben", "eve")]
    event = {
        "name": "Planning",
        "start_time": "2036-11-20T09:00:00Z",
        "end_time": "2036-11-20T10:00:00Z",
        "notifications": [],
        "participants": ["ben"],
    }
    async with httpx.AsyncClient(base_url=f"{one.url}/api/v1/") as api:
        made = await api.post("events", json=event, headers={"Authorization": f"Bearer {ann}"})
    assert made.status_code == 201, made.text
    event_id = made.json()["id"]
    async with (
        signed_in(one.url, ann) as author,
        signed_in(two.url, ben) as guest,
        signed_in(two.url, eve) as other,
    ):
        for client in (author, guest, other):
            await client.subscribe("user")
        refused = await other.ask(type="rsvp", id="r", event_id=event_id, decision="yes")
        assert (refused["type"], refused["code"]) == ("error", "not_found")
        answer = await guest.ask(type="rsvp", id="r", event_id=event_id, decision="yes")
        assert answer["decision"] == "yes", answer
        for client in (author, guest):
            (told_of,) = await client.data(1)
            assert (told_of["login"], told_of["decision"]) == ("ben", "yes")
            assert told_of["event_id"] == event_id
        assert (await other.ask(type="ping", id="p"))["type"] == "pong"
        assert other.frames == []
        await _is_connected(author, "ben")


async def _is_connected(client: Client, login: str) -> None:
    async with asyncio.timeout(10):
        # Nobody could tell: it is asked for.
        while (await client.ask(type="presence", id="w"))["people"] != [login]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_after_a_node_was_killed_the_other_goes_on_where_it_ended(
    nodes: tuple[Node, Node], admin: str
) -> None:
    one, two = nodes
    numbers: list[int] = []
    place = {"epoch": "", "offset": 0}
    telling = asyncio.create_task(_tell_many(200))
    async with signed_in(one.url, admin) as client:
        place["epoch"] = (await client.subscribe(TOPIC))["epoch"]
        while len(numbers) < 50:
            _take(await client.next(), numbers, place)
        one.process.kill()
        one.process.wait()
    await asyncio.sleep(0.3)
    async with signed_in(two.url, admin) as client:
        answer = await client.subscribe(TOPIC, after=place)
        assert answer["recovered"], answer
        assert answer["offset"] == place["offset"]
        while numbers[-1] < 199:
            _take(await client.next(), numbers, place)
    await telling
    assert numbers == list(range(numbers[0], 200))


def _take(message: dict[str, object], numbers: list[int], place: dict[str, object]) -> None:
    assert message["type"] == "message", message
    assert isinstance(message["data"], list)
    numbers += [one["n"] for one in message["data"]]
    place["epoch"], place["offset"] = message["epoch"], message["offset"]


async def _tell_many(count: int) -> None:
    await asyncio.sleep(0.5)
    for number in range(count):
        await told(TOPIC, {"n": number})
        await asyncio.sleep(0.01)


async def test_what_redis_has_dropped_is_said_to_be_missing(
    nodes: tuple[Node, Node], admin: str, redis_url: str
) -> None:
    one, two = nodes
    async with signed_in(one.url, admin) as client:
        place = await client.subscribe(TOPIC)
        redis = topics.connect(redis_url)
        large = b'[{"data":"' + b"x" * 5000 + b'"}]'
        for _ in range(30):
            await topics.publish(redis, TOPIC, large, keep=5)
        await redis.aclose()
        after = {"epoch": place["epoch"], "offset": place["offset"]}
        async with signed_in(two.url, admin) as late:
            answer = await late.subscribe(TOPIC, after=after)
            assert not answer["recovered"]
            assert "GET /api/v1/observers" in answer["advice"]
            await told(TOPIC, {"n": 1})
            assert await late.data(1) == [{"n": 1}]
            other = {"epoch": "another", "offset": 3}
            again = await late.ask(type="subscribe", id="again", topic=TOPIC, after=other)
            assert not again["recovered"]


async def test_a_wiped_redis_is_told_as_a_gap(
    nodes: tuple[Node, Node], admin: str, redis_url: str
) -> None:
    one, _ = nodes
    async with signed_in(one.url, admin) as client:
        await client.subscribe(TOPIC)
        await told(TOPIC, {"n": 1})
        assert await client.data(1) == [{"n": 1}]
        redis = topics.connect(redis_url)
        await redis.flushall()
        await redis.aclose()
        gap = await client.next()
        assert (gap["type"], gap["topic"]) == ("gap", TOPIC)
        await told(TOPIC, {"n": 2})
        assert await client.data(1) == [{"n": 2}]


async def test_what_many_have_missed_is_read_once_for_all(
    nodes: tuple[Node, Node], admin: str, redis_url: str
) -> None:
    one, two = nodes
    redis = topics.connect(redis_url)

    async def reads() -> int:
        found = await redis.info("commandstats")
        return int(found["cmdstat_xread"]["calls"])

    async with signed_in(one.url, admin) as first, signed_in(two.url, admin) as there:
        place = await first.subscribe(TOPIC)
        await there.subscribe(TOPIC)
        await told(TOPIC, *({"n": number} for number in range(30)))
        assert len(await there.data(30)) == 30
        after = {"epoch": place["epoch"], "offset": place["offset"]}
        before = await reads()
        for number in range(20):
            again = await there.ask(type="subscribe", id=f"a{number}", topic=TOPIC, after=after)
            assert again["recovered"]
            assert [one["n"] for one in await there.data(30)] == list(range(30))
            await asyncio.sleep(0.05)  # within the limit of frames
        assert await reads() - before < 10
    await redis.aclose()


async def test_what_was_committed_last_is_told_when_a_process_ends(
    settings: Settings, nodes: tuple[Node, Node], admin: str
) -> None:
    one, _ = nodes

    async def found_slowly() -> list[Notice]:
        await asyncio.sleep(0.2)
        return [Notice({"n": 1})]

    async with signed_in(one.url, admin) as client:
        await client.subscribe(TOPIC)
        async with transaction() as tx:
            events_queue.tell(tx, TOPIC, found_slowly)
        await events_queue.close_telling()
        assert await client.data(1) == [{"n": 1}]
    events_queue.open_telling(settings)


async def test_what_a_killed_process_had_committed_is_said_to_be_missing(
    environment: pytest.MonkeyPatch, nodes: tuple[Node, Node], admin: str, redis_url: str
) -> None:
    """Here the process dies between its commit and the telling."""
    one, _ = nodes
    program = """
import asyncio, os
from notilog import settings as schema
from notilog.db.session import open_database, transaction
from notilog.realtime import events_queue
from notilog.realtime.events_queue import Notice

async def main():
    settings = schema.load()
    await open_database(settings)
    events_queue.open_telling(settings)
    async with transaction() as tx:
        events_queue.tell(tx, "observers", die)

async def die():
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""
    async with signed_in(one.url, admin) as client:
        await client.subscribe(TOPIC)
        died = await asyncio.to_thread(
            subprocess.run, (sys.executable, "-c", program), env=environment_of_programs()
        )
        assert died.returncode == -signal.SIGKILL
        redis: Any = topics.connect(redis_url)
        announced = f"notilog:topic:{TOPIC}:announced"
        (key,) = await redis.zrange(announced, 0, -1)
        await redis.zadd(announced, {key: 0})  # as if half a minute had passed
        await redis.aclose()
        gap = await client.next()
        assert (gap["type"], gap["topic"]) == ("gap", TOPIC)
        await told(TOPIC, {"n": 2})
        assert await client.data(1) == [{"n": 2}]


@pytest.fixture
def private(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_OBSERVERS__ALLOW_PRIVATE", "true")


async def test_what_a_worker_tells_reaches_whichever_node(
    private: None, nodes: tuple[Node, Node], admin: str, tmp_path: Path
) -> None:
    """Also whoever was connected to one that was killed meanwhile: each message once."""
    one, two = nodes
    probe = {"name": "x", "kind": "http_probe", "env": {"url": "http://127.0.0.1:9/"}}
    bearer = {"Authorization": f"Bearer {admin}"}
    states: list[str] = []
    async with httpx.AsyncClient(base_url=f"{two.url}/api/v1/", headers=bearer) as api:
        with servers.worker(tmp_path, "-Q", "observers"):
            async with signed_in(one.url, admin) as client:
                await client.subscribe(TOPIC)
                made = (await api.post("observers", json=probe)).json()
                while not states or states[-1] != "running":
                    message = await client.next()
                    states += [told["state"] for told in message["data"]]
                one.process.kill()
                one.process.wait()
            await api.post(f"observers/{made['id']}/stop")
            after = {name: message[name] for name in ("epoch", "offset", "at")}
            async with signed_in(two.url, admin) as client:
                assert (await client.subscribe(TOPIC, after=after))["recovered"]
                while states[-1] != "stopped":
                    states += [told["state"] for told in (await client.next())["data"]]
    changes = [state for state, _ in groupby(states)]
    assert changes == ["starting", "running", "stopped"]
