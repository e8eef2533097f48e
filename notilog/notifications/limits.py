"""How fast this installation sends, counted in Redis for all its processes together.

Who is told to wait has a place in the line: with a ticket that place is kept, so that a delivery
can be given back until then and is let through when it comes again. When Redis does not answer
sending goes on, and each process counts for itself: a little too fast is better than not at all.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from notilog import config
from notilog.notifications.buckets import SECOND, TICKET_KEPT, Bucket

log = structlog.get_logger(__name__)

PREFIX: Final = "notilog.limits."
ANSWER_WITHIN: Final = 0.3
ASK_AGAIN_AFTER: Final = 3.0
CONNECTIONS: Final = 4
# Buckets of this process, before those that are empty are let go of.
MANY_BUCKETS: Final = 1000
OUTAGES = (RedisError, OSError, TimeoutError)

# `Bucket` line by line, on Redis's clock. Numbers that are kept are written with %.0f, since Lua
# would round them; both keys end by themselves once they mean nothing any more.
SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, pause, kept = unpack(ARGV)
local state = redis.call('HMGET', KEYS[1], 'due', 'shift', 'paused')
local due = tonumber(state[1] or 0)
local shift = tonumber(state[2] or 0)
local paused = tonumber(state[3] or 0)

local function text(number)
  return string.format('%.0f', number)
end

local function lifetime(instant)
  return text(math.ceil((instant - now + kept) / 1000))
end

local function keep()
  redis.call('HSET', KEYS[1], 'due', text(due), 'shift', text(shift), 'paused', text(paused))
  redis.call('PEXPIRE', KEYS[1], lifetime(math.max(due, paused)))
end

if tonumber(pause) > 0 then
  local added = now + pause - math.max(paused, now)
  if added > 0 then
    due = math.max(due, now) + added
    shift = shift + added
    paused = now + pause
    keep()
  end
  return 0
end

local place = KEYS[2] and redis.call('GET', KEYS[2])
if place then
  local slot = math.max(place + shift, paused)
  if slot <= now then
    redis.call('DEL', KEYS[2])
  end
  return math.max(slot - now, 0)
end

local base = math.max(due, now, paused)
local slot = math.max(now, paused, base - (burst - 1) * interval)
due = base + interval
keep()
if KEYS[2] and slot > now then
  redis.call('SET', KEYS[2], text(slot - shift), 'PX', lifetime(slot))
end
return slot - now
"""


class Limits:
    """Buckets by key, shared through the Redis at ``url``: that of the settings by default."""

    def __init__(self, url: str | None = None) -> None:
        self._url = url
        self._client: redis.Redis | None = None
        self._script: Any = None
        self._buckets: dict[str, Bucket] = {}
        self._away = False
        self._ask_again_at = 0.0

    async def reserve(
        self, key: str, *, per_second: float, burst: int = 1, ticket: str | None = None
    ) -> float:
        """Take the next slot of the bucket; returns seconds to wait for it, 0 to go now.

        Without a ticket the slot is taken, whatever the caller does then. With one (the id of
        a delivery) who comes again too early is told how long still, and later is let through once.
        """
        interval = round(SECOND / per_second)
        keys = [key] if ticket is None else [key, f"{key}.{ticket}"]
        answer = await self._ask(keys, [interval, burst, 0])
        if answer is None:
            bucket = self._bucket(key)
            answer = bucket.reserve(_now(), interval=interval, burst=burst, ticket=ticket)
        return answer / SECOND

    async def postpone(self, key: str, seconds: float) -> None:
        """Let nothing of the bucket pass for so long, in any process."""
        pause = round(seconds * SECOND)
        # Here too: if Redis goes away the pause still holds in the process that was told of it.
        self._bucket(key).postpone(_now(), pause)
        if pause > 0:
            await self._ask([key], [0, 1, pause])

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ask(self, keys: Sequence[str], numbers: Sequence[int]) -> int | None:
        """What the script says; None when Redis does not answer, or did not a moment ago."""
        now = time.monotonic()
        if self._away and now < self._ask_again_at:
            return None
        self._ask_again_at = now + ASK_AGAIN_AFTER  # one caller finds out whether it is back
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                answer = await self._opened()(
                    keys=[PREFIX + key for key in keys], args=[*numbers, TICKET_KEPT]
                )
        except OUTAGES as error:
            if not self._away:
                log.warning("limits_not_shared", error=type(error).__name__)
            self._away = True
            return None
        if self._away:
            log.info("limits_shared_again")
        self._away = False
        return int(answer)

    def _opened(self) -> Any:
        if self._client is None:
            pool = redis.BlockingConnectionPool.from_url(
                self._url or config.current().core.redis_url.get_secret_value(),
                max_connections=CONNECTIONS,
                timeout=ANSWER_WITHIN,
                protocol=2,
                socket_timeout=ANSWER_WITHIN,
                socket_connect_timeout=ANSWER_WITHIN,
                retry=Retry(NoBackoff(), 0),
            )
            self._client = redis.Redis.from_pool(pool)
            self._script = self._client.register_script(SCRIPT)
        return self._script

    def _bucket(self, key: str) -> Bucket:
        if len(self._buckets) >= MANY_BUCKETS and key not in self._buckets:
            now = _now()
            self._buckets = {
                name: bucket for name, bucket in self._buckets.items() if not bucket.is_empty(now)
            }
        return self._buckets.setdefault(key, Bucket())


def _now() -> int:
    return time.monotonic_ns() // 1000
