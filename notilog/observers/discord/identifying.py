"""Whose turn it is to begin a session: counted per bot for all processes together, in Redis.

Discord lets a bot begin ``max_concurrency`` sessions in five seconds and refuses what is more.
A bot is known there by a keyed hash of its token, never by the token.
"""

import hashlib
import hmac
from asyncio import sleep
from typing import Final

from notilog.notifications.limits import Limits

WINDOW: Final = 5.2
"""Seconds; a little longer than Discord's, since its clock starts when we are heard."""


def token_key(token: str, *, secret: str) -> str:
    """What stands for the token where others may read."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


class Turns:
    """Turns shared through ``limits``; while Redis is away each process keeps to its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def __call__(self, key: str, max_concurrency: int) -> None:
        """Wait until the bot known by the key may identify once more."""
        per_second = max(1, max_concurrency) / WINDOW
        await sleep(await self._limits.reserve(f"identify.{key}", per_second=per_second))
