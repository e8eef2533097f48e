"""Whether the servers that everything needs do answer: database, broker, Redis."""

import asyncio
from collections.abc import Awaitable, Callable

import redis.asyncio
import structlog
from sqlalchemy import text

from notilog import config
from notilog.db.session import asking
from notilog.serving import ApiSettings

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[object]]

SERVERS = ("database", "broker", "redis")


async def failing(broker: Check) -> list[str]:
    """The names of those that do not answer, of `SERVERS`.

    Args:
        broker: connects to the broker as this process does, and raises when it cannot.
    """
    checks = dict(zip(SERVERS, (_database, broker, _redis), strict=True))
    answers = await asyncio.gather(*(_answers(*named) for named in checks.items()))
    return [name for name, answered in zip(checks, answers, strict=True) if not answered]


async def _answers(name: str, check: Check) -> bool:
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


async def _redis() -> None:
    url = config.current().core.redis_url.get_secret_value()
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.ping()
