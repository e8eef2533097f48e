"""Records that agents send: stored once however often they come, or answered with why not."""

import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.agents.speaking import Platform, known, soon
from tests.integration.log_traffic import Stored, record
from tests.servers import worker as servers


async def test_a_batch_sent_twice_is_stored_once(
    platform: Platform, database_url: str, tmp_path: Path
) -> None:
    stored = Stored(database_url)
    token = platform.token()
    with servers.worker(tmp_path, "-Q", "logs"):
        async with known(platform, token) as (agent, _):
            batch = await agent.send(record("one"), {"bad": 1}, record("two"))
            first = await agent.hear()
            await agent.send(record("one"), {"bad": 1}, record("two"), batch=batch)
            assert await agent.hear() == first
        async with known(platform, token) as (agent, _):
            await agent.send(record("one"), {"bad": 1}, record("two"), batch=batch)
            assert await agent.hear() == first
            await agent.send(record("three"), batch=uuid4())
            assert (await agent.hear())["accepted"] == 1
        assert (first["type"], first["batch"], first["accepted"]) == ("stored", str(batch), 2)
        assert [reject["index"] for reject in first["rejected"]] == [1]
        await soon(lambda: stored.messages()["three"] == 1, "storing")
    assert stored.messages() == {"one": 1, "two": 1, "three": 1}


async def test_what_can_never_be_stored_is_refused(platform: Platform) -> None:
    async with known(platform, platform.token()) as (agent, _):
        batch = await agent.send({"bad": 1})
        refused = await agent.hear()
        assert (refused["type"], refused["batch"]) == ("refused", str(batch))
        await agent.socket.send_bytes(batch.bytes + b"no gzip")
        assert (await agent.hear())["type"] == "refused"
    async with known(platform, platform.token("agents:connect")) as (agent, _):
        await agent.send(record("one"))
        assert "logs:write" in (await agent.hear())["reason"]
    async with known(platform, platform.token(project="cellar")) as (agent, _):
        await agent.send(record("one"))
        assert (await agent.hear())["type"] == "refused"


@pytest.fixture
def hanging_broker(environment: pytest.MonkeyPatch) -> Iterator[None]:
    """A broker that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        environment.setenv("NOTILOG_BROKER_URL", f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        environment.setenv("NOTILOG_API__WAKEUP_TIMEOUT", "0.2")
        environment.setenv("NOTILOG_API__READINESS_TIMEOUT", "0.2")
        environment.setenv("NOTILOG_LOGS__PUBLISH_TIMEOUT", "1")
        yield


async def test_while_the_broker_is_away_it_is_sent_again_later_and_not_too_much_waits(
    hanging_broker: None, platform: Platform
) -> None:
    token = platform.token()
    async with known(platform, token) as (agent, _):
        batch = await agent.send(record("one"))
        later = await agent.hear()
        assert (later["type"], later["batch"]) == ("later", str(batch))
        assert later["seconds"] > 0
        for _ in range(5):
            await agent.send(record("one"))
        assert (await agent.closed())[0] == 4429
