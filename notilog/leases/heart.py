"""One heartbeat for all leases of a process: a thousand long tasks cost one statement a beat."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock
from notilog.db.session import transaction
from notilog.leases.keeping import BEATS, OUTAGES, let_go
from notilog.leases.leases import Fenced, Lease, renew_all, take

log = structlog.get_logger(__name__)

OnBeat = Callable[[AsyncSession, Collection[str], datetime], Awaitable[None]]
"""What is written in the transaction that renewed the leases of these names."""


@dataclass(slots=True)
class _Held:
    lease: Lease
    working: "asyncio.Future[None]"
    until: datetime
    is_lost: bool = False


class Heart:
    """Renews what its process holds for as long as it works under it.

    Args:
        length: how long a lease lasts that is not renewed; it is renewed three times as often.
        on_beat: what else is written with each beat.
    """

    def __init__(self, *, length: timedelta, on_beat: OnBeat) -> None:
        self._length = length
        self._on_beat = on_beat
        self._held: dict[str, _Held] = {}
        self._beating: asyncio.Task[None] | None = None

    async def keep(self, name: str, work: Callable[[Lease], Awaitable[None]]) -> bool:
        """Take the lease, work, and let go of it; says whether it was ours to work under.

        The work is cancelled when the lease is lost, and when this is cancelled.

        Raises:
            Fenced: the lease was lost.
            Unavailable: the database does not answer, so that nobody can say whose the lease is.
        """
        now = clock.now()
        async with transaction() as tx:
            lease = await take(tx, name, holder=uuid4(), now=now, length=self._length)
        if lease is None:
            return False
        log.info("lease_taken", lease=name, fence=lease.fence)
        held = _Held(lease, asyncio.ensure_future(work(lease)), lease.until)
        self._held[name] = held
        self._start()
        try:
            await held.working
        except asyncio.CancelledError:
            if held.is_lost:
                raise Fenced(f"the lease {name} was lost") from None
            raise
        finally:
            held.working.cancel()
            await asyncio.gather(held.working, return_exceptions=True)
            del self._held[name]
            if not held.is_lost:
                await let_go(lease)
        return True

    def _start(self) -> None:
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        pause = self._length.total_seconds() / BEATS
        while self._held:
            await asyncio.sleep(pause)
            try:
                await self._renew(list(self._held.values()), pause)
            except (*OUTAGES, TimeoutError) as error:
                log.warning("leases_not_renewed", leases=len(self._held), reason=str(error))
            self._end_what_is_over()

    async def _renew(self, held: list[_Held], patience: float) -> None:
        now = clock.now()
        leases = [one.lease for one in held]
        async with asyncio.timeout(patience), transaction() as tx:
            kept = await renew_all(tx, leases, now=now, length=self._length)
            await self._on_beat(tx, kept, now)
        for one in held:
            one.until = now + self._length if one.lease.name in kept else now

    def _end_what_is_over(self) -> None:
        """Also what could not be renewed in time: another may have it already."""
        now = clock.now()
        for held in self._held.values():
            if held.until <= now and not held.is_lost:
                log.warning("lease_lost", lease=held.lease.name, fence=held.lease.fence)
                held.is_lost = True
                held.working.cancel()
