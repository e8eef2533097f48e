"""Who is connected, to any node: each node says it again and again, and what it said runs out."""

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from redis.exceptions import RedisError

from notilog import clock
from notilog.errors import Unavailable
from notilog.realtime.topics import Client

LASTS: Final = 90
"""Seconds for which somebody counts as connected after a node last said so."""

_PATIENCE: Final = 2.0
_KEY: Final = "notilog:presence"


async def mark(client: Client, people: Iterable[UUID]) -> None:
    """Say that these are connected.

    Raises:
        Unavailable: Redis does not answer.
    """
    now = clock.now().timestamp()
    until = {str(one): now + LASTS for one in people}
    try:
        async with asyncio.timeout(_PATIENCE):
            if until:
                await client.zadd(_KEY, until)
            await client.zremrangebyscore(_KEY, "-inf", now)
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable(f"cannot say who is connected: {error}") from error


async def connected(client: Client, people: Iterable[UUID]) -> set[UUID]:
    """Those of these people who are connected, or were within the last `LASTS` seconds.

    Raises:
        Unavailable: Redis does not answer.
    """
    asked = list(people)
    if not asked:
        return set()
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await client.zmscore(_KEY, [str(one) for one in asked])
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable(f"cannot ask who is connected: {error}") from error
    now = clock.now().timestamp()
    return {one for one, until in zip(asked, found, strict=True) if until and until > now}
