"""Signs of life, one row for each process; a process that is gone gives none any more."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock
from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.health import hosts
from notilog.health.tables import SignRow

log = structlog.get_logger(__name__)

EVERY: Final = 10.0
"""Seconds from one sign of a process to the next."""
WORKER, NODE = "worker:", "node:"
"""How the names of workers and of API processes begin."""
BEAT: Final = "beat"
FORGOTTEN_AFTER: Final = timedelta(days=1)


async def tell(tx: AsyncSession, name: str, detail: dict[str, Any], *, now: datetime) -> None:
    """Give a sign."""
    made = insert(SignRow).values(name=name, at=now, detail=detail)
    await tx.execute(
        made.on_conflict_do_update(
            index_elements=[SignRow.name],
            set_={"at": func.greatest(SignRow.at, now), "detail": made.excluded.detail},
        )
    )


async def keep_telling(name: str, detail: Callable[[], dict[str, Any]]) -> None:
    """Give signs until cancelled; the last word is that there will be no more.

    Args:
        name: of this process, which begins with `WORKER` or `NODE`.
        detail: what is known of it at that moment; its use of the database is told beside.
    """
    try:
        while True:
            await _told(name, {**detail(), "hosts": hosts.told(hosts.seen())})
            await asyncio.sleep(EVERY)
    finally:
        await _forgotten(name)


async def newest(tx: AsyncSession) -> dict[str, SignRow]:
    """The newest sign of each, by name."""
    return {row.name: row for row in await tx.scalars(select(SignRow).order_by(SignRow.name))}


async def forget_old(tx: AsyncSession, now: datetime) -> None:
    """Forget processes that were killed a while ago."""
    await tx.execute(delete(SignRow).where(SignRow.at < now - FORGOTTEN_AFTER))


async def _told(name: str, detail: dict[str, Any]) -> None:
    try:
        async with asyncio.timeout(EVERY), transaction() as tx:
            await tell(tx, name, detail, now=clock.now())
    except (Unavailable, SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("sign_not_given", sign=name, reason=str(error))


async def _forgotten(name: str) -> None:
    try:
        async with asyncio.timeout(1), transaction() as tx:
            await tx.execute(delete(SignRow).where(SignRow.name == name))
    except (Unavailable, SQLAlchemyError, OSError, TimeoutError):
        log.debug("sign_not_taken_back", sign=name)
