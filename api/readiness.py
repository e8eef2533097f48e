"""Whether the servers that every request needs do answer."""

import asyncio
from collections.abc import Awaitable, Callable

import redis.asyncio
import structlog
from sqlalchemy import text

from api.producer import Producer
from notilog import config
from notilog.db.session import transaction
from notilog.serving import ApiSettings

log = structlog.get_logger(__name__)


async def failing(producer: Producer) -> list[str]:
    """The names of the servers that do not answer: of database, broker, redis."""
    checks: dict[str, Callable[[], Awaitable[None]]] = {
        "database": _database,
        "broker": producer.check,
        "redis": _redis,
    }
    answers = await asyncio.gather(*(_answers(name, check) for name, check in checks.items()))
    return [name for name, answered in zip(checks, answers, strict=True) if not answered]


async def _answers(name: str, check: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(config.section(ApiSettings).readiness_timeout):
            await check()
    except Exception as error:  # noqa: BLE001  whatever it is, the server cannot be used
        log.warning("not_ready", server=name, reason=f"{type(error).__name__}: {error}")
        return False
    return True


async def _database() -> None:
    async with transaction() as tx:
        await tx.execute(text("SELECT 1"))


async def _redis() -> None:
    url = config.current().core.redis_url.get_secret_value()
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.ping()
