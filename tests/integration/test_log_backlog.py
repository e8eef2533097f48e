"""Since when batches wait in the broker."""

import asyncio
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from api.log_publisher import open_log_publisher
from notilog import clock
from notilog import settings as schema
from notilog.logs.batch import Batch, sealed
from tests.integration.log_traffic import Broker
from workers.log_backlog import oldest_waiting


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch, redis_url: str) -> str:
    if request.param == "redis":
        return redis_url
    url = str(request.getfixturevalue("rabbitmq_url"))
    environment.setenv("NOTILOG_BROKER_URL", url)
    Broker(url).forget()
    return url


async def test_the_oldest_batch_says_since_when(broker: str) -> None:
    assert await oldest_waiting(broker) is None
    publisher = open_log_publisher(schema.load())
    try:
        begun = clock.now()
        await publisher.publish(sealed(Batch(uuid7(), 1, b"first")))
        published = clock.now()
        await asyncio.sleep(0.01)
        await publisher.publish(sealed(Batch(uuid7(), 1, b"second")))
    finally:
        await publisher.close()
    for _ in range(2):
        since = await oldest_waiting(broker)
        assert since is not None
        # Both count milliseconds.
        assert begun - timedelta(milliseconds=1) <= since <= published
    assert Broker(broker).waiting() == 2
