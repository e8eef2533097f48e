"""Frames on their way to one socket: bounded, so that who does not read costs no memory."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from notilog.realtime.measures import FRAMES
from notilog.realtime.settings import SocketsSettings

PATIENCE: Final = 20.0
"""Seconds that a peer may read nothing of what it asked for."""


class Outbox:
    """Frames in their order; `too_slow` is called once when there is no room for one."""

    def __init__(
        self,
        settings: SocketsSettings,
        send: Callable[[str], Awaitable[None]],
        too_slow: Callable[[], None],
    ) -> None:
        self._most = settings.queue
        self._most_bytes = settings.queue_bytes
        self._send = send
        self._too_slow = too_slow
        self._frames: deque[str] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False

    def offer(self, text: str) -> None:
        """Take a frame at once."""
        if self._closed:
            return
        if self._is_full(text):
            self.close()
            self._too_slow()
            return
        self._add(text)

    async def put(self, text: str) -> None:
        """Take a frame when there is room, unless there is none for long; forget it when closed."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not self._closed and self._is_full(text):
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            self.close()
            self._too_slow()
        if not self._closed:
            self._add(text)

    async def write(self) -> None:
        """Send what comes, until cancelled."""
        while True:
            while self._frames:
                text = self._frames.popleft()
                self._bytes -= len(text)
                await self._send(text)
                FRAMES.add("told")
                self._room.set()
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        """Forget what waits, and take nothing more."""
        self._closed = True
        self._frames.clear()
        self._room.set()

    def _add(self, text: str) -> None:
        self._frames.append(text)
        self._bytes += len(text)
        self._news.set()

    def _is_full(self, text: str) -> bool:
        """Whether there is no room; a single large frame has room when nothing else waits."""
        return bool(self._frames) and (
            len(self._frames) >= self._most or self._bytes + len(text) > self._most_bytes
        )
