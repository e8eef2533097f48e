"""What is malformed, too large, too much or too slow is answered or closed with a reason."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientWebSocketResponse

from notilog.realtime import topics
from tests.integration.sockets.talking import Client, connected, signed_in

MALFORMED = [
    "",
    "{",
    "[]",
    "null",
    "{}",
    '{"type": 5}',
    '{"type": "unheard-of"}',
    '{"type": "ping", "id": 7}',
    '{"type": "ping", "more": 1}',
    '{"type": "subscribe", "id": "a"}',
    '{"type": "subscribe", "id": "a", "topic": "logs", "filter": []}',
    '{"type": "subscribe", "id": "a", "topic": "logs", "after": {"epoch": "x", "offset": -1}}',
    '{"type": "subscribe", "id": "", "topic": "logs"}',
    '{"type": "unsubscribe", "id": "none"}',
    '{"type": "rsvp", "event_id": "x", "decision": "yes"}',
    '{"type": "rsvp", "event_id": "x", "decision": "perhaps"}',
    '{"type": "auth", "token": "again"}',
    "[" * 30_000,
    '{"type": "ping", "id": "\\ud800"}',
    '{"type": "subscribe", "id": "\\u0000", "topic": "\\u0000"}',
]


@pytest.fixture
async def one_socket(url: str, ann: str) -> AsyncIterator[ClientWebSocketResponse]:
    async with signed_in(url, ann) as client:
        yield client.ws


@pytest.fixture
def single(fast: None, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_SOCKETS__MOST", "1")


@pytest.fixture
def few_unknown(fast: None, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_SOCKETS__UNKNOWN", "2")
    environment.setenv("NOTILOG_SOCKETS__AUTH_WITHIN", "60")


async def test_malformed_frames_are_answered_and_those_that_follow_too(
    one_socket: ClientWebSocketResponse,
) -> None:
    client = Client(one_socket)
    for text in MALFORMED:
        await one_socket.send_str(text)
        answer = await client.next()
        assert answer["type"] == "error", (text, answer)
        assert answer["errors"][0]["reason"]
        assert (await client.ask(type="ping", id="p"))["type"] == "pong"
        await asyncio.sleep(0.1)  # within the limit of frames


async def test_binary_frames_are_refused(one_socket: ClientWebSocketResponse) -> None:
    await one_socket.send_bytes(b"{}")
    assert "binary" in (await one_socket.receive()).data


async def test_a_frame_that_is_too_large_closes_the_socket(url: str, ann: str) -> None:
    async with connected(url) as client:
        await client.ws.send_str("x" * 70_000)
        assert await client.code() == 1009
    async with signed_in(url, ann) as client:
        await client.ws.send_str("x" * 70_000)
        assert await client.code() == 1009


async def test_too_many_frames_close_the_socket(url: str, ann: str) -> None:
    async with signed_in(url, ann) as client:
        for _ in range(60):
            await client.send(type="ping")
        assert await client.code() == 4429


async def test_a_socket_has_so_many_subscriptions(url: str, ann: str) -> None:
    async with signed_in(url, ann) as client:
        for number in range(51):
            answer = await client.ask(type="subscribe", id=f"s{number}", topic="user")
            await asyncio.sleep(0.05)  # within the limit of frames
        assert answer["code"] == "too_many"
        again = await client.ask(type="subscribe", id="s0", topic="user")
        assert again["code"] == "conflict"
        assert (await client.ask(type="unsubscribe", id="s0"))["type"] == "unsubscribed"
        assert (await client.ask(type="subscribe", id="s0", topic="user"))["type"] == "subscribed"


async def test_who_does_not_read_is_closed_and_others_are_not(
    url: str, admin: str, redis_url: str
) -> None:
    redis = topics.connect(redis_url)
    large = b'[{"data":"' + b"x" * 400_000 + b'"}]'
    async with signed_in(url, admin) as slow, signed_in(url, admin) as other:
        await slow.subscribe("observers")
        await other.subscribe("observers")
        reading = asyncio.create_task(other.data(100))
        for _ in range(100):
            await topics.publish(redis, "observers", large, keep=10)
            await asyncio.sleep(0.01)
        assert len(await reading) == 100
        assert await slow.code() == 4408
    await redis.aclose()


async def test_a_full_node_says_so(single: None, url: str, ann: str) -> None:
    async with signed_in(url, ann):
        async with connected(url) as second:
            await second.send(type="auth", token=ann)
            assert await second.code() == 1013
        async with connected(url) as nobody:  # who is not known yet takes nobody's room
            assert (await nobody.ask(type="ping"))["code"] == "invalid"


async def test_so_many_may_be_about_to_sign_in(few_unknown: None, url: str, ann: str) -> None:
    async with connected(url) as silent, connected(url):
        async with connected(url) as late:
            assert await late.code() == 1013
        await silent.send(type="auth", token=ann)
        assert (await silent.next())["type"] == "welcome"
        async with signed_in(url, ann) as client:  # one has gone in
            assert (await client.ask(type="ping", id="p"))["type"] == "pong"
