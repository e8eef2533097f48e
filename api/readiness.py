"""Whether the servers that every request needs do answer; anybody may ask, so asking is cheap."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import redis.asyncio
import structlog
from sqlalchemy import text

from api.producer import Producer
from notilog import config
from notilog.config import Settings
from notilog.db.session import asking
from notilog.serving import ApiSettings

log = structlog.get_logger(__name__)

FRESH = 1.0
"""Seconds for which an answer is given again."""


class Readiness:
    """One check at a time, whoever asks meanwhile gets its answer."""

    def __init__(self, settings: Settings, producer: Producer) -> None:
        self._redis = redis.asyncio.Redis.from_url(settings.core.redis_url.get_secret_value())
        self._checks: dict[str, Callable[[], Awaitable[object]]] = {
            "database": _database,
            "broker": producer.check,
            "redis": self._redis.ping,
        }
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
        await self._redis.aclose()

    async def _check(self) -> list[str]:
        answers = await asyncio.gather(*(_answers(*named) for named in self._checks.items()))
        self._checked_at = monotonic()
        return [name for name, answered in zip(self._checks, answers, strict=True) if not answered]


async def _answers(name: str, check: Callable[[], Awaitable[object]]) -> bool:
    try:
        async with asyncio.timeout(config.section(ApiSettings).readiness_timeout):
            await check()
    except Exception as error:  # noqa: BLE001  whatever it is, the server cannot be used
        log.warning("not_ready", server=name, reason=f"{type(error).__name__}: {error}")
        return False
    return True


async def _database() -> None:
    async with asking(primary=True) as tx:
        await tx.execute(text("SELECT 1"))
