"""Waiting for what a database or a server will show, and tells nobody of."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 30


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again; fails after half a minute."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110  nobody could wake us
            await asyncio.sleep(0.02)
