"""Health tells supervisors in a word and administrators in full."""

import asyncio

import pytest
import redis
from httpx import ASGITransport, AsyncClient

from tests.integration.conftest import Person


@pytest.mark.parametrize("base", ["http://notilog.test/", "http://notilog.test/api/v1/"])
async def test_supervisors_need_no_credentials(transport: ASGITransport, base: str) -> None:
    async with AsyncClient(transport=transport, base_url=base) as client:
        assert (await client.get("health/live")).json() == {"status": "live"}
        assert (await client.get("health/ready")).json() == {"status": "ready"}


async def test_many_who_ask_at_once_cost_one_check(anonymous: AsyncClient, redis_url: str) -> None:
    def connections() -> int:
        with redis.Redis.from_url(redis_url) as client:
            return int(client.info("stats")["total_connections_received"])

    before = connections()
    answers = await asyncio.gather(*(anonymous.get("health/ready") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert connections() - before < 10


@pytest.fixture
def wrong_setting(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_DATABASE__POOL_SIZE", "many")


async def test_a_refused_setting_is_shown_to_administrators(
    wrong_setting: None, admin: Person
) -> None:
    health = (await admin.api.get("health")).json()
    assert health["failing"] == []
    assert [host["role"] for host in health["database"]] == ["master"]
    (fallback,) = health["configuration"]
    assert fallback["setting"] == "NOTILOG_DATABASE__POOL_SIZE"
    assert fallback["default"] == "10"
    assert "password" not in str(health["database"])
    assert health["agents"] == {}


@pytest.fixture
def dead_host(environment: pytest.MonkeyPatch, database_url: str) -> None:
    """A second host of the database, at which nobody listens."""
    before, _, database = database_url.rpartition("/")
    environment.setenv("NOTILOG_DATABASE_URL", f"{before},127.0.0.1:1/{database}")


async def test_a_host_of_the_database_that_is_gone_is_a_problem_but_stops_nothing(
    dead_host: None, admin: Person
) -> None:
    health = (await admin.api.get("health")).json()
    assert health["failing"] == []
    roles = {host["host"]: host["role"] for host in health["database"]}
    assert roles.pop("127.0.0.1:1") is None
    assert list(roles.values()) == ["master"]
    assert any("host 127.0.0.1:1 of the database" in one for one in health["problems"])
    shown = (await admin.api.get("metrics")).text
    assert 'notilog_database_host_answers{host="127.0.0.1:1"} 0.0' in shown
    assert (await admin.api.get("health/ready")).status_code == 200
