"""Records that agents send: stored once however often they come, or answered with why not."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.agents.speaking import ABOUT, Platform, connected, known, soon
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
    async with known(platform, platform.token(project="cellar")) as (agent, _):
        await agent.send(record("one"))
        assert (await agent.hear())["type"] == "refused"


async def test_without_the_right_it_is_kept_until_somebody_has_mended_that(
    platform: Platform,
) -> None:
    async with known(platform, platform.token("agents:connect")) as (agent, _):
        await agent.send(record("one"))
        later = await agent.hear()
    assert later["type"] == "later"
    assert "logs:write" in later["reason"]


@pytest.fixture
def small_batches(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_LOGS__BATCH_BYTES", "65536")
    environment.setenv("NOTILOG_LOGS__BATCH_RECORDS", "2")


async def test_it_is_told_how_large_a_batch_may_be(small_batches: None, platform: Platform) -> None:
    async with known(platform, platform.token()) as (agent, welcome):
        assert welcome["limits"] == {"batch_bytes": 65536, "batch_records": 2}
        for records in ([record("one")] * 3, [record("x" * 60_000)] * 2):
            await agent.send(*records)
            refused = await agent.hear()
            assert (refused["type"], refused["is_too_large"]) == ("refused", True)
        await agent.send(record("one"), record("two"))
        assert (await agent.hear())["type"] == "stored"


@pytest.fixture
def nearly_full(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A disk on which there is room for warnings."""
    free = shutil.disk_usage(tmp_path).free // 2**20
    environment.setenv("NOTILOG_LOGS__DISK_FOLDER", str(tmp_path))
    environment.setenv("NOTILOG_LOGS__LOW_DISK_MIB", str(free + free // 2))


async def test_what_there_is_no_room_for_is_kept_by_the_agent(
    nearly_full: None, platform: Platform
) -> None:
    async with known(platform, platform.token()) as (agent, _):
        for records in ([record("one")], [record("two"), record("bad", level="error")]):
            batch = await agent.send(*records)
            later = await agent.hear()
            assert (later["type"], later["batch"]) == ("later", str(batch))
            assert "room" in later["reason"]
        await agent.send(record("three", level="error"))
        assert (await agent.hear())["type"] == "stored"


async def test_records_say_which_agent_sent_them(
    platform: Platform, database_url: str, tmp_path: Path
) -> None:
    stored = Stored(database_url)
    code = platform.asked("POST", "agents/enrolments", json={"project": "shop"})["code"]
    with servers.worker(tmp_path, "-Q", "logs"):
        async with connected(platform) as agent:
            await agent.say("enrol", code=code, protocol=1, agent=ABOUT)
            agent_id = (await agent.hear())["agent_id"]
            assert (await agent.hear())["type"] == "welcome"
            forged = {"agent": "another", "line": 1}
            await agent.send(
                record("plain"), record("forged", attrs=forged), record("away", project="cellar")
            )
            answer = await agent.hear()
        assert [reject["index"] for reject in answer["rejected"]] == [2]
        assert "'shop'" in answer["rejected"][0]["reason"]
        await soon(lambda: stored.count() == 2, "storing")
    attrs = dict(stored.rows("SELECT message, attrs FROM log_records"))
    assert attrs == {"plain": {"agent": agent_id}, "forged": {"agent": agent_id, "line": 1}}


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
