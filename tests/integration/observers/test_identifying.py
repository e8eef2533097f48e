"""Turns to begin a session, shared by all processes through Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis

from notilog.notifications.limits import Limits
from notilog.observers.discord import identifying
from notilog.observers.discord.hub import Hub
from notilog.observers.discord.identifying import WINDOW, Turns, token_key
from tests.integration.observers.hearing import Told
from tests.outside.discord import Discord

SECRET = "a secret of this installation"


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[Limits]:
    made = Limits(redis_url)
    yield made
    await made.close()


@pytest.fixture
async def elsewhere(redis_url: str) -> AsyncIterator[Limits]:
    """Another process."""
    made = Limits(redis_url)
    yield made
    await made.close()


def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that are waited for a turn, from now on without waiting."""
    found: list[float] = []

    async def noted(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(identifying, "sleep", noted)
    return found


async def test_a_bot_that_is_alone_need_not_wait(
    here: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = waits(monkeypatch)
    await Turns(here)("a key", 1)
    assert waited == [0]


async def test_processes_take_turns_with_the_same_bot(
    here: Limits, elsewhere: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fact 7: one identify in five seconds."""
    waited = waits(monkeypatch)
    for one in (here, elsewhere, here):
        await Turns(one)("a key", 1)
    assert waited[0] == 0
    assert WINDOW - 1 < waited[1] <= WINDOW
    assert 2 * WINDOW - 2 < waited[2] <= 2 * WINDOW


async def test_some_bots_may_begin_more_sessions_at_once(
    here: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = waits(monkeypatch)
    for _ in range(17):
        await Turns(here)("a key", 16)
    assert WINDOW - 1 < waited[16] <= WINDOW


async def test_bots_do_not_wait_for_each_other(
    here: Limits, elsewhere: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = waits(monkeypatch)
    await Turns(here)("a key", 1)
    await Turns(elsewhere)("another key", 1)
    assert waited == [0, 0]


async def test_without_redis_a_process_takes_turns_with_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited, nowhere = waits(monkeypatch), Limits("redis://127.0.0.1:1/0")
    for _ in range(2):
        await Turns(nowhere)("a key", 1)
    await nowhere.close()
    assert waited[0] == 0
    assert WINDOW - 1 < waited[1] <= WINDOW


async def test_no_token_stands_in_redis(server: Discord, here: Limits, redis_url: str) -> None:
    bot, told = server.make_bot(), Told()
    hub = Hub(identify_turn=Turns(here), allow_private=True, secret=SECRET)
    listening = asyncio.create_task(hub.listen(bot.token, told, api_base=server.api_base))
    await told.heard("connected")
    async with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        keys = [one async for one in client.scan_iter("*")]
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    (key,) = keys
    assert bot.token not in key
    assert token_key(bot.token, secret=SECRET) in key


def test_keys_are_of_the_token_and_the_secret() -> None:
    key = token_key("a token", secret=SECRET)
    assert key == token_key("a token", secret=SECRET)
    assert key != token_key("another token", secret=SECRET)
    assert key != token_key("a token", secret="another secret")
    assert "token" not in key
