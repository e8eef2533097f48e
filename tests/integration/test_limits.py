"""Limits that processes share through Redis, and what becomes of them without it."""

import asyncio
import random
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
import redis

from notilog.notifications import limits
from notilog.notifications.buckets import SECOND, TICKET_KEPT, Bucket
from notilog.notifications.limits import SCRIPT, Limits

NOW = 1_780_000_000 * SECOND


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine Redis may take longer to answer than a sender would wait."""
    monkeypatch.setattr(limits, "ANSWER_WITHIN", 5.0)


@pytest.fixture
async def pair(redis_url: str, patient: None) -> AsyncIterator[tuple[Limits, Limits]]:
    """Two processes' limits."""
    one, two = Limits(redis_url), Limits(redis_url)
    yield one, two
    await one.close()
    await two.close()


async def test_processes_share_a_bucket(pair: tuple[Limits, Limits]) -> None:
    waits = await asyncio.gather(
        *(one.reserve("bot", per_second=0.1) for _ in range(5) for one in pair)
    )
    assert sorted(round(wait, -1) for wait in waits) == [10 * place for place in range(10)]
    assert await pair[0].reserve("another bot", per_second=0.1) == 0


async def test_a_burst_passes_at_once(pair: tuple[Limits, Limits]) -> None:
    waits = [await one.reserve("bot", per_second=0.1, burst=4) for _ in range(3) for one in pair]
    assert waits[:4] == [0, 0, 0, 0]
    assert [round(wait, -1) for wait in waits[4:]] == [10, 20]


async def test_who_comes_back_with_a_ticket_is_let_through(pair: tuple[Limits, Limits]) -> None:
    one, two = pair
    assert await one.reserve("bot", per_second=10) == 0
    wait = await one.reserve("bot", per_second=10, ticket="a")
    assert 0 < wait <= 0.1
    for _ in range(20):
        await two.reserve("bot", per_second=10)
    await asyncio.sleep(wait)
    assert await two.reserve("bot", per_second=10, ticket="a") == 0
    assert await two.reserve("bot", per_second=10, ticket="a") > 1


async def test_who_comes_too_early_is_told_the_same_slot(pair: tuple[Limits, Limits]) -> None:
    one, two = pair
    await one.reserve("bot", per_second=0.1)
    waits = [await two.reserve("bot", per_second=0.1, ticket="a") for _ in range(3)]
    assert waits == sorted(waits, reverse=True)
    assert [round(wait, -1) for wait in waits] == [10, 10, 10]


async def test_a_pause_holds_for_all(pair: tuple[Limits, Limits]) -> None:
    one, two = pair
    await one.reserve("bot", per_second=0.1)
    await one.reserve("bot", per_second=0.1, ticket="a")
    await one.postpone("bot", 100)
    await two.postpone("bot", 100)
    assert round(await two.reserve("bot", per_second=0.1, ticket="a"), -1) == 110
    assert round(await two.reserve("bot", per_second=0.1, ticket="b"), -1) == 120


async def test_nothing_stays_in_redis_for_ever(pair: tuple[Limits, Limits], redis_url: str) -> None:
    for ticket in ("a", "b"):
        await pair[0].reserve("bot", per_second=0.1, ticket=ticket)
    with redis.Redis.from_url(redis_url) as client:
        keys: Any = client.keys()
        assert set(keys) == {b"notilog.limits.bot", b"notilog.limits.bot.b"}
        assert all(600 <= int(str(client.ttl(key))) <= 630 for key in keys)


async def test_a_wiped_redis_begins_anew(pair: tuple[Limits, Limits], redis_url: str) -> None:
    await pair[0].reserve("bot", per_second=0.1)
    assert await pair[0].reserve("bot", per_second=0.1, ticket="a") > 1
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        client.script_flush()
    assert await pair[1].reserve("bot", per_second=0.1, ticket="a") == 0
    assert await pair[0].reserve("bot", per_second=0.1) > 1


async def test_without_redis_each_process_counts_and_says_so_once(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Limits("redis://127.0.0.1:1/0")
    await alone.postpone("bot", 5)
    waits = [await alone.reserve("bot", per_second=0.1, ticket=name) for name in "ab"]
    await alone.close()
    assert [round(wait) for wait in waits] == [5, 15]
    assert (caplog.text + capsys.readouterr().out).count("limits_not_shared") == 1


async def test_a_redis_that_hangs_holds_nobody_up_and_is_used_again(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ASK_AGAIN_AFTER", 0.0)
    sender, other = Limits(redis_url), Limits(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.client_pause(700)
        async with asyncio.timeout(2):
            waits = [await sender.reserve("bot", per_second=0.1) for _ in range(2)]
        assert waits[0] == 0
        assert waits[1] > 1
        client.ping()  # answered when the pause is over
    monkeypatch.setattr(limits, "ANSWER_WITHIN", 5.0)
    first, second = [await one.reserve("bot", per_second=0.1) for one in (sender, other)]
    assert second > first
    await sender.close()
    await other.close()


async def test_a_silent_port_is_left_alone() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    async with server:
        alone = Limits(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        async with asyncio.timeout(2):
            assert await alone.reserve("bot", per_second=1) == 0
            assert await alone.reserve("bot", per_second=1) > 0
        await alone.close()


async def test_buckets_of_this_process_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MANY_BUCKETS", 10)
    alone = Limits("redis://127.0.0.1:1/0")
    for number in range(100):
        await alone.reserve(f"chat:{number}", per_second=1e6)
    assert len(alone._buckets) <= 20  # noqa: SLF001  nothing else shows it
    await alone.close()


@pytest.mark.parametrize("seed", range(5))
def test_the_script_and_the_bucket_count_alike(redis_url: str, seed: int) -> None:
    """The script on a clock that the test holds in its hands."""
    luck = random.Random(seed)  # noqa: S311  a test that can be repeated
    bucket, now, fresh = Bucket(), NOW, count()
    tickets = [str(next(fresh)) for _ in range(5)]
    with redis.Redis.from_url(redis_url) as client:
        script = client.register_script(SCRIPT.replace("redis.call('TIME')", "{ARGV[5], ARGV[6]}"))
        for _ in range(300):
            now += luck.choice([0, 1, 50_000, SECOND, 20 * SECOND])
            pause = luck.choice([0] * 9 + [3 * SECOND])
            ticket = luck.choice([None, *tickets])
            keys = ["bucket", *([f"ticket.{ticket}"] if ticket else [])]
            burst = luck.choice([1, 1, 3])
            numbers = [SECOND, burst, pause, TICKET_KEPT, now // SECOND, now % SECOND]
            answer = script(keys=keys, args=numbers)
            if pause:
                bucket.postpone(now, pause)
            else:
                assert answer == bucket.reserve(now, interval=SECOND, burst=burst, ticket=ticket)
