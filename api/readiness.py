"""Whether the servers that every request needs do answer; anybody may ask, so asking is cheap."""

import asyncio
from time import monotonic

from notilog.health import servers
from notilog.health.servers import Check

FRESH = 1.0
"""Seconds for which an answer is given again."""


class Readiness:
    """One check at a time, whoever asks meanwhile gets its answer."""

    def __init__(self, broker: Check) -> None:
        self._broker = broker
        self._checking: asyncio.Task[list[str]] | None = None
        self._checked_at = 0.0

    async def failing(self) -> list[str]:
        """The names of the servers that do not answer: of database, broker, redis."""
        checking = self._checking
        if checking is None or (checking.done() and monotonic() - self._checked_at > FRESH):
            checking = self._checking = asyncio.create_task(self._check())
        return await asyncio.shield(checking)  # one who goes away does not end it for the others

    async def close(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait([self._checking])

    async def _check(self) -> list[str]:
        found = await servers.failing(self._broker)
        self._checked_at = monotonic()
        return found
