"""Topics keep their order, tell what is lost, and carry nothing while nobody listens."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notilog.errors import Unavailable
from notilog.realtime import topics
from notilog.realtime.topics import Client, Interest, Place, Published
from tests.integration.waiting import until
from tests.servers import redis as redis_server

TOPIC = "tested"
KEEP = 100


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Client]:
    made = topics.connect(redis_url)
    yield made
    await made.aclose()


async def published(client: Client, *payloads: bytes) -> list[int]:
    return [await topics.publish(client, TOPIC, payload, keep=KEEP) for payload in payloads]


async def news(client: Client, after: Place, *, wait: float = 0) -> topics.News:
    return await topics.read(client, TOPIC, after, wait=wait)


async def _blocked(client: Client) -> bool:
    """Whether anybody waits for a message."""
    return any(one["cmd"] == "xread" for one in await client.client_list())


async def test_messages_are_read_in_their_order_from_a_place_on(client: Client) -> None:
    start = await topics.start(client, TOPIC)
    assert start.offset == 0
    assert await published(client, b"a", b"\0\xff") == [1, 2]
    offset = await topics.publish(client, TOPIC, b"c", about={"encoding": "zstd"}, keep=KEEP)
    found = await news(client, start)
    assert found.messages == (
        Published(1, b"a"),
        Published(2, b"\0\xff"),
        Published(offset, b"c", {"encoding": "zstd"}),
    )
    assert not found.lost
    assert found.place == await topics.start(client, TOPIC)
    again = await news(client, found.place)
    assert again == topics.News((), found.place, lost=False)
    middle = await news(client, Place(found.place.epoch, 2))
    assert [message.payload for message in middle.messages] == [b"c"]


async def test_many_messages_are_read_piece_by_piece(client: Client) -> None:
    place = await topics.start(client, TOPIC)
    await published(client, *(b"%d" % number for number in range(50)))
    payloads: list[bytes] = []
    while len(payloads) < 50:
        found = await news(client, place)
        assert found.messages
        assert not found.lost
        payloads += [message.payload for message in found.messages]
        place = found.place
    assert payloads == [b"%d" % number for number in range(50)]


async def test_a_reader_that_waits_is_told_at_once(client: Client, redis_url: str) -> None:
    await published(client, b"before")
    place = await topics.start(client, TOPIC)
    waiting = asyncio.create_task(news(client, place, wait=2))
    other = topics.connect(redis_url)
    await until(lambda: _blocked(other))
    await published(other, b"after")
    found = await waiting
    await other.aclose()
    assert [message.payload for message in found.messages] == [b"after"]


async def test_a_topic_remembers_the_newest_and_says_that_older_ones_are_lost(
    client: Client,
) -> None:
    start = await topics.start(client, TOPIC)
    large = b"x" * 5000  # Redis drops whole nodes, of 4096 bytes
    for _ in range(30):
        await topics.publish(client, TOPIC, large, keep=10)
    found = await news(client, start)
    assert found.lost
    assert 10 <= len(found.messages) < 15
    assert found.messages[-1].offset == 30
    assert 0 < await client.ttl(f"notilog:topic:{TOPIC}") <= 900


async def test_a_wiped_redis_is_noticed(client: Client) -> None:
    start = await topics.start(client, TOPIC)
    other = await topics.start(client, TOPIC)
    await published(client, b"a", b"b")
    place = (await news(client, start)).place
    await client.flushall()
    for before in (place, start, other):  # each of several readers notices
        wiped = await news(client, before)
        assert wiped == topics.News((), Place(wiped.place.epoch, 0), lost=True)
        assert wiped.place.epoch != start.epoch
    await published(client, b"c", b"d", b"e")
    assert (await news(client, place)).lost
    after = await news(client, wiped.place)
    assert [message.payload for message in after.messages] == [b"c", b"d", b"e"]
    assert not after.lost


async def test_a_redis_wiped_while_a_reader_waits_is_noticed(client: Client) -> None:
    await topics.start(client, TOPIC)
    await published(client, b"a")
    place = await topics.start(client, TOPIC)
    waiting = asyncio.create_task(news(client, place, wait=1))
    await until(lambda: _blocked(client))
    await client.flushall()
    await published(client, b"b", b"c")  # the second one has the offset that is waited for
    found = await waiting
    assert found == topics.News((), found.place, lost=True)


async def test_a_stream_that_ran_out_and_a_redis_set_back_are_noticed(client: Client) -> None:
    await topics.start(client, TOPIC)
    await published(client, b"a")
    place = await topics.start(client, TOPIC)
    await published(client, b"b")
    newer = await topics.start(client, TOPIC)
    await client.delete(f"notilog:topic:{TOPIC}")
    assert (await news(client, place)).lost
    assert not (await news(client, newer)).lost
    await client.hset(f"notilog:topic:{TOPIC}:epoch", "offset", "1")
    assert (await news(client, newer)).lost


async def test_what_could_not_be_published_leaves_a_gap(client: Client) -> None:
    await published(client, b"a")
    place = await topics.start(client, TOPIC)
    await topics.publish(client, TOPIC, b"c", keep=KEEP, after_gap=True)
    found = await news(client, place)
    assert found.lost
    assert [message.payload for message in found.messages] == [b"c"]
    assert not (await news(client, found.place)).lost


async def test_publishers_know_whether_anybody_listens(client: Client) -> None:
    interest = Interest(client, TOPIC)
    assert not await interest.there()
    place = await topics.start(client, TOPIC)
    assert await interest.there()
    readers = f"notilog:topic:{TOPIC}:readers"
    await client.expire(readers, 5)
    await news(client, place)
    assert 5 < await client.ttl(readers) <= topics.LISTENS_FOR


async def test_a_time_without_listeners_ends_the_epoch(client: Client) -> None:
    place = await topics.start(client, TOPIC)
    assert await topics.start(client, TOPIC) == place
    await published(client, b"a")
    await client.delete(f"notilog:topic:{TOPIC}:readers")  # as its time does
    lost = await news(client, place)
    assert lost.lost
    await published(client, b"b")
    assert (await news(client, place)).lost
    assert [one.payload for one in (await news(client, lost.place)).messages] == [b"b"]


async def test_reading_ends_whenever_it_is_cancelled(client: Client) -> None:
    place = await topics.start(client, TOPIC)

    async def listening() -> None:
        while True:
            await news(client, place, wait=1)

    for steps in range(100):
        reading = asyncio.create_task(listening())
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        done, _ = await asyncio.wait([reading], timeout=10)
        assert done, f"cancelled after {steps} steps"


async def test_a_redis_that_is_away_is_told_in_our_words(tmp_path: Path) -> None:
    with redis_server.server(tmp_path) as made:
        client = topics.connect(made.url)
        await topics.start(client, TOPIC)
        await published(client, b"a")
        place = await topics.start(client, TOPIC)
    with pytest.raises(Unavailable, match="cannot publish topic tested"):
        await published(client, b"b")
    with pytest.raises(Unavailable, match="cannot read topic tested"):
        await news(client, place)
    with pytest.raises(Unavailable):
        await topics.start(client, TOPIC)
    interest = Interest(client, TOPIC)
    with pytest.raises(Unavailable):
        await interest.there()
    with redis_server.server(tmp_path):
        assert (await topics.start(client, TOPIC)) == place  # its file has everything
        assert await published(client, b"b") == [2]
        assert [one.payload for one in (await news(client, place)).messages] == [b"b"]
    await client.aclose()


async def test_a_redis_that_was_set_back_begins_anew(client: Client) -> None:
    start = await topics.start(client, TOPIC)
    await published(client, b"1", b"2", b"3", b"4", b"5")
    place = Place(start.epoch, 5)
    assert not (await news(client, place)).lost
    await client.hset(f"notilog:topic:{TOPIC}:epoch", "offset", "3")  # as an older copy has it
    found = await news(client, place)
    assert found.lost
    assert found.place.epoch != start.epoch
    await published(client, b"4", b"5", b"6")
    assert (await news(client, place)).lost
    assert [one.payload for one in (await news(client, found.place)).messages] == [b"4", b"5", b"6"]


async def test_what_was_announced_and_never_came_is_lost(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await topics.start(client, TOPIC)
    kept = await topics.announce(client, TOPIC)
    withdrawn = await topics.announce(client, TOPIC)
    await topics.publish(client, TOPIC, b"a", keep=KEEP, announced=[kept])
    await topics.withdraw(client, TOPIC, [withdrawn])
    monkeypatch.setattr(topics, "ANNOUNCED_FOR", 0)
    found = await news(client, place)
    assert [one.payload for one in found.messages] == [b"a"]
    assert not found.lost
    monkeypatch.undo()
    await topics.announce(client, TOPIC)
    assert not (await news(client, found.place)).lost
    monkeypatch.setattr(topics, "ANNOUNCED_FOR", 0)
    after = await news(client, found.place)
    assert after.lost
    await published(client, b"b")
    following = await news(client, after.place)
    assert [one.payload for one in following.messages] == [b"b"]
    assert not following.lost


async def test_a_failure_is_not_taken_for_nobody_listening(tmp_path: Path) -> None:
    with redis_server.server(tmp_path / "redis") as made:
        client = topics.connect(made.url)
        interest = Interest(client, TOPIC)
        await topics.start(client, TOPIC)
        assert await interest.there()
    while True:  # what is known is believed for a moment
        try:
            await interest.there()
        except Unavailable:
            break
        await asyncio.sleep(0.02)
    with pytest.raises(Unavailable):
        await interest.there()
    await client.aclose()
