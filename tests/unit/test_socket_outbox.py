"""What waits for a socket is bounded, and who waits for room is let go when it ends."""

import asyncio

import pytest

from api.sockets import outbox
from api.sockets.outbox import Outbox
from notilog.realtime.settings import SocketsSettings


class Peer:
    """Somebody who reads when told to."""

    def __init__(self, **settings: int) -> None:
        self.read: list[str] = []
        self.reads = asyncio.Event()
        self.slow = 0
        self.box = Outbox(SocketsSettings(**settings), self._send, self._too_slow)

    async def _send(self, text: str) -> None:
        await self.reads.wait()
        self.read.append(text)

    def _too_slow(self) -> None:
        self.slow += 1


async def test_frames_are_sent_in_their_order() -> None:
    peer = Peer()
    writing = asyncio.create_task(peer.box.write())
    peer.reads.set()
    for text in "abc":
        peer.box.offer(text)
    await asyncio.sleep(0.01)
    writing.cancel()
    assert peer.read == ["a", "b", "c"]


async def test_who_does_not_read_is_too_slow_once() -> None:
    peer = Peer(queue=4)
    for text in "abcdefg":
        peer.box.offer(text)
    assert peer.slow == 1


async def test_the_size_counts_but_a_single_large_frame_has_room() -> None:
    peer = Peer(queue_bytes=1024)
    peer.box.offer("x" * 5000)
    before = peer.slow
    peer.box.offer("y")
    assert (before, peer.slow) == (0, 1)


async def test_who_waits_for_room_goes_on_when_there_is_some_and_at_the_end() -> None:
    peer = Peer(queue=4)
    for text in "abcd":
        peer.box.offer(text)
    waiting = asyncio.create_task(peer.box.put("e"))
    await asyncio.sleep(0)
    assert not waiting.done()
    writing = asyncio.create_task(peer.box.write())
    peer.reads.set()
    await asyncio.wait_for(waiting, 1)
    writing.cancel()
    for text in "fghi":
        await asyncio.wait_for(peer.box.put(text), 1)
    ended = asyncio.create_task(peer.box.put("j"))
    await asyncio.sleep(0)
    peer.box.close()
    await asyncio.wait_for(ended, 1)
    assert not peer.slow


async def test_who_reads_nothing_of_what_they_asked_for_is_too_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "PATIENCE", 0.01)
    peer = Peer(queue=4)
    for text in "abcdefg":
        await asyncio.wait_for(peer.box.put(text), 1)
    assert peer.slow == 1
