"""While Redis is away nobody fails; afterwards everybody knows that something may be missing."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.sockets.talking import Frame, signed_in, told
from tests.servers import redis as redis_server


@dataclass(slots=True)
class Redis:
    """A Redis that comes and goes."""

    home: Path
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> str:
        return self.running.enter_context(redis_server.server(self.home)).url

    def stop(self) -> None:
        self.running.close()


@pytest.fixture
def coming_and_going(
    fast: None, environment: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Redis]:
    redis = Redis(tmp_path / "redis")
    environment.setenv("NOTILOG_REDIS_URL", redis.start())
    yield redis
    redis.stop()


async def test_a_restart_is_told_as_a_gap_and_messages_go_on(
    coming_and_going: Redis, url: str, admin: str
) -> None:
    async with signed_in(url, admin) as client:
        await client.subscribe("observers")
        await told("observers", {"n": 1})
        assert await client.data(1) == [{"n": 1}]
        coming_and_going.stop()
        await told("observers", {"n": 2})
        answer = await client.ask(type="subscribe", id="late", topic="user")
        assert (answer["type"], answer["code"]) == ("error", "unavailable")
        coming_and_going.start()
        frames: list[Frame] = []
        await told("observers", {"n": 3})
        while not frames or frames[-1]["type"] == "gap":
            if frames:
                await told("observers", {"n": 4})
            frames.append(await client.next())
        assert len(frames) > 1
        assert frames[-1]["data"][-1]["n"] in {3, 4}
