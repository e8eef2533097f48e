"""One heartbeat for all leases of a process: a thousand long tasks cost one statement a beat."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock
from notilog.db.session import transaction
from notilog.leases.keeping import BEATS, OUTAGES, let_go
from notilog.leases.leases import Fenced, Lease, renew_all, take

log = structlog.get_logger(__name__)

TRIES: Final = 20
"""Between two beats, for leases that are held just then."""

OnBeat = Callable[[AsyncSession, Collection[Lease], datetime], Awaitable[Collection[str]]]
"""What is written in the transaction that renewed these leases; says whose work shall end."""


@dataclass(eq=False, slots=True)
class _Held:
    lease: Lease
    working: "asyncio.Future[None]"
    until: datetime
    ended: Literal["lost", "unwanted"] | None = None

    def end(self, why: Literal["lost", "unwanted"]) -> None:
        """Cancel the work, once."""
        if self.ended is None:
            self.ended = why
            self.working.cancel()


class Heart:
    """Renews what its process holds for as long as it works under it.

    Args:
        length: how long a lease lasts that is not renewed; it is renewed four times as often.
        on_beat: what else is written with each beat.
        gate: how many leases are taken or let go of at the same time.
    """

    def __init__(self, *, length: timedelta, on_beat: OnBeat, gate: asyncio.Semaphore) -> None:
        self._length = length
        self._gate = gate
        self._on_beat = on_beat
        self._held: set[_Held] = set()
        self._beating: asyncio.Task[None] | None = None

    async def keep(self, name: str, work: Callable[[Lease], Awaitable[None]]) -> bool:
        """Take the lease, work, and let go of it; says whether it was ours to work under.

        The work is cancelled when the lease is lost or nobody wants it any more, and when this is
        cancelled.

        Raises:
            Fenced: the lease was lost.
            Unavailable: the database does not answer, so that nobody can say whose the lease is.
        """
        lease = await self._taken(name)
        if lease is None:
            return False
        log.info("lease_taken", lease=name, fence=lease.fence)
        before = [held.working for held in self._superseded(name)]
        working = asyncio.ensure_future(self._after(before, work, lease))
        held = _Held(lease, working, lease.until)
        self._held.add(held)
        self._start()
        try:
            await held.working
        except asyncio.CancelledError:
            if held.ended == "lost":
                raise Fenced(f"the lease {name} was lost") from None
            if held.ended is None:
                raise
        finally:
            held.working.cancel()
            await asyncio.gather(held.working, return_exceptions=True)
            self._held.discard(held)
            if held.ended != "lost":
                async with self._gate:
                    await let_go(lease)
        return True

    async def _taken(self, name: str) -> Lease | None:
        async with self._gate, transaction() as tx:
            return await take(tx, name, holder=uuid4(), now=clock.now(), length=self._length)

    def _superseded(self, name: str) -> list[_Held]:
        """Whoever worked here under that name does so no more: the lease went to us."""
        before = [held for held in self._held if held.lease.name == name]
        for held in before:
            held.end("lost")
        return before

    async def _after(
        self,
        before: "list[asyncio.Future[None]]",
        work: Callable[[Lease], Awaitable[None]],
        lease: Lease,
    ) -> None:
        await asyncio.gather(*before, return_exceptions=True)
        await work(lease)

    def _start(self) -> None:
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._length.total_seconds() / BEATS
        next_at = loop.time() + pause
        while self._held:
            await asyncio.sleep(next_at - loop.time())
            next_at = loop.time() + pause
            left = list(self._held)
            try:
                async with asyncio.timeout(pause):
                    while left := await self._renew(left):  # noqa: ASYNC110  another holds it
                        await asyncio.sleep(pause / TRIES)
            except (*OUTAGES, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                log.warning("leases_not_renewed", leases=len(left), reason=reason)
            except Exception:  # whatever it is, what is over must be ended all the same
                log.exception("leases_not_renewed", leases=len(left))
            self._end_what_is_over()

    async def _renew(self, held: list[_Held]) -> list[_Held]:
        """Renew these; returns those that it could not be told of."""
        now = clock.now()
        leases = {one.lease: one for one in held}
        async with transaction() as tx:
            renewed, lost = await renew_all(tx, list(leases), now=now, length=self._length)
            unwanted = await self._on_beat(tx, renewed, now) if renewed else ()
        for lease in renewed:
            leases[lease].until = now + self._length
            if lease.name in unwanted:
                leases[lease].end("unwanted")
        for lease in lost:
            leases[lease].until = now
        return [leases[lease] for lease in leases.keys() - renewed - lost]

    def _end_what_is_over(self) -> None:
        """Also what could not be renewed in time: another may have it already."""
        now = clock.now()
        for held in self._held:
            if held.until <= now and held.ended != "lost":
                log.warning("lease_lost", lease=held.lease.name, fence=held.lease.fence)
                held.end("lost")
