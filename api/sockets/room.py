"""All sockets of this process: how many there may be, whose they are, and whether they still may.

A token that was revoked, or has run out, or has lost rights, closes its sockets within the time
between two looks.
"""

import asyncio
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from api.deps import caller_of
from api.sockets.door import Door
from notilog.config import Settings
from notilog.errors import Unauthenticated, Unavailable
from notilog.realtime import presence
from notilog.realtime.fanout import Fanout
from notilog.realtime.protocol import UNAUTHENTICATED
from notilog.realtime.settings import SocketsSettings
from notilog.users.caller import Caller

log = structlog.get_logger(__name__)

AT_ONCE: Final = 8
"""Tokens that are looked at at the same time."""
TICK: Final = 1.0
"""Seconds until it is known that somebody has come."""


class Open(Protocol):
    """A socket whose person is known."""

    caller: Caller
    secret: str

    def end(self, code: int, reason: str) -> None:
        """Close it, from outside."""


class Room:
    """The one of a process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.section(SocketsSettings)
        self.fanout = Fanout(settings.core.redis_url.get_secret_value())
        self.node = f"{socket.gethostname()}:{os.getpid()}"
        self.door = Door(self.settings.most, most_waiting=self.settings.unknown)
        self._open: dict[Open, None] = {}
        self._come: set[UUID] = set()
        self._tasks = [
            asyncio.create_task(self._keep_marking()),
            asyncio.create_task(self._keep_looking()),
        ]

    def add(self, opened: Open) -> None:
        self._open[opened] = None
        self._come.add(opened.caller.user_id)

    def remove(self, opened: Open) -> None:
        self._open.pop(opened, None)

    async def connected(self, people: Iterable[UUID]) -> set[UUID]:
        """Those of these people who are connected to any node.

        Raises:
            Unavailable: Redis does not answer.
        """
        return await presence.connected(self.fanout.client, people)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.fanout.close()

    async def _keep_marking(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            come, self._come = self._come, set()
            if come:
                with suppress(Unavailable):
                    await presence.mark(self.fanout.client, come)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self.settings.recheck)
            try:
                await self._look()
            except Exception:
                log.exception("sockets_not_looked_at")

    async def _look(self) -> None:
        holders: dict[str, list[Open]] = {}
        for opened in self._open:
            holders.setdefault(opened.secret, []).append(opened)
        self._come |= {opened.caller.user_id for opened in self._open}
        gate = asyncio.Semaphore(AT_ONCE)

        async def look_at(secret: str, sockets: list[Open]) -> None:
            async with gate:
                await _end_what_may_not(secret, sockets)

        async with asyncio.TaskGroup() as group:
            for secret, sockets in holders.items():
                group.create_task(look_at(secret, sockets))


async def _end_what_may_not(secret: str, sockets: list[Open]) -> None:
    try:
        caller = await caller_of(secret)
    except Unauthenticated:
        _end(sockets, "this session or token is not valid any more")
    except Unavailable:
        return  # nobody can sign in anew either
    else:
        _end(
            [one for one in sockets if _rights(one.caller) != _rights(caller)],
            "what this session or token may has changed; sign in again",
        )


def _rights(caller: Caller) -> tuple[Any, ...]:
    return caller.user_id, caller.rights, caller.project


def _end(sockets: Iterable[Open], reason: str) -> None:
    for one in sockets:
        one.end(UNAUTHENTICATED, reason)
