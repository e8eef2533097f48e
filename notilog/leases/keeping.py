"""Working under a lease: a heartbeat renews it beside the work, and the end lets go of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import structlog
from sqlalchemy.exc import SQLAlchemyError

from notilog import clock
from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.leases.leases import Fenced, Lease, release, renew, take

log = structlog.get_logger(__name__)

BEATS = 4
"""In how many parts heartbeats divide a lease: three fall into it, of which two may fail."""

RELEASE_PATIENCE = 1.5
"""Seconds to let go: a worker that stops waits little longer, and the lease ends anyway."""

OUTAGES = (Unavailable, SQLAlchemyError, OSError)


async def keep(name: str, work: Callable[[Lease], Awaitable[None]], *, length: timedelta) -> bool:
    """Take the lease, work, and let go of it; says whether it was ours to work under.

    The work is cancelled when the lease is lost.

    Raises:
        Fenced: the lease was lost.
        Unavailable: the database does not answer, so that nobody can say whose the lease is.
    """
    async with transaction() as tx:
        lease = await take(tx, name, holder=uuid4(), now=clock.now(), length=length)
    if lease is None:
        return False
    log.info("lease_taken", lease=name, fence=lease.fence)
    working = asyncio.ensure_future(work(lease))
    beating = asyncio.create_task(_beat(lease, length))
    try:
        ended, _ = await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        working.cancel()
        beating.cancel()
        await asyncio.gather(working, beating, return_exceptions=True)
        await let_go(lease)
    return True


async def _beat(lease: Lease, length: timedelta) -> None:
    """Renew the lease for ever.

    Raises:
        Fenced: it is another's, or it ended before it could be renewed.
    """
    loop = asyncio.get_running_loop()
    pause = length.total_seconds() / BEATS
    next_at = loop.time() + pause
    while True:
        await asyncio.sleep(next_at - loop.time())
        next_at = loop.time() + pause
        now = clock.now()
        try:
            async with asyncio.timeout(pause), transaction() as tx:
                lease = await renew(tx, lease, now=now, length=length)
        except (*OUTAGES, TimeoutError) as error:
            log.warning("lease_not_renewed", lease=lease.name, reason=str(error))
            if clock.now() >= lease.until:
                raise Fenced(f"the lease {lease.name} ended before it could be renewed") from error


async def let_go(lease: Lease) -> None:
    try:
        async with asyncio.timeout(RELEASE_PATIENCE), transaction() as tx:
            await release(tx, lease, now=clock.now())
    except (*OUTAGES, TimeoutError):
        log.warning("lease_not_released", lease=lease.name)
    else:
        log.info("lease_released", lease=lease.name, fence=lease.fence)
