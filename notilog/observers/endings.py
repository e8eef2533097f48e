"""How runs end: written down together, for a worker that stops ends a thousand of them at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select

from notilog import clock, jobs
from notilog.db.session import transaction
from notilog.leases.leases import Lease, held_among, is_free, release_all
from notilog.observers.lease_names import lease_name
from notilog.observers.observers import over
from notilog.observers.tables import ObserverRow
from notilog.observers.telling import tell_of

RECONCILE: Final = "observers.reconcile"
OF_THE_CLI: Final = "celery control"


@dataclass(frozen=True, slots=True)
class End:
    """A run that ends; ``is_revoked`` when somebody ended its task.

    ``turn`` is None when it ends before it has begun.
    """

    observer_id: UUID
    lease: Lease
    turn: int | None
    is_revoked: bool


@dataclass(eq=False, slots=True)
class _Entry:
    end: End
    is_done: bool = False


class Endings:
    """Those of one process. Whoever finds nobody writing writes for all who wait."""

    def __init__(self) -> None:
        self._waiting: list[_Entry] = []
        self._turn = asyncio.Lock()

    async def write(self, end: End) -> None:
        """Returns when the end is committed and its lease is free, or was another's already.

        Raises:
            SQLAlchemyError, Unavailable, OSError: the database failed; try again.
        """
        entry = _Entry(end)
        self._waiting.append(entry)
        try:
            async with self._turn:
                if not entry.is_done:
                    await self._write_all()
        finally:
            if not entry.is_done:
                self._waiting.remove(entry)

    async def _write_all(self) -> None:
        entries = list(self._waiting)
        await _commit([entry.end for entry in entries])
        for entry in entries:
            entry.is_done = True
            if entry in self._waiting:  # else who waited for it has given up
                self._waiting.remove(entry)


async def stop_unbegun(observer_id: UUID) -> None:
    """Somebody ended a task that waited to begin: unless another runs the observer, it is to stop.

    Raises:
        SQLAlchemyError, Unavailable, OSError: the database failed.
    """
    now = clock.now()
    async with transaction() as tx:
        row = await tx.get(ObserverRow, observer_id, with_for_update=True)
        if row is not None and await is_free(tx, lease_name(observer_id), now=now):
            _stop(row, now)
            over(row, now)
            tell_of(tx, [observer_id])


async def _commit(ends: Sequence[End]) -> None:
    now = clock.now()
    async with transaction() as tx:
        held = await held_among(tx, [end.lease for end in ends], now)
        ours = {end.observer_id: end for end in ends if end.lease in held}
        rows = await tx.scalars(
            select(ObserverRow)
            .where(ObserverRow.id.in_(ours))
            .order_by(ObserverRow.id)
            .with_for_update()
        )
        for row in rows:
            _end(row, ours[row.id], now)
            if row.desired == "running" and row.state != "failed":
                row.asked_at = None
                jobs.wake(RECONCILE)  # one for all: whoever has room is asked by it
        tell_of(tx, ours)
        # With the same commit, so that who is asked finds it free.
        await release_all(tx, held, now=now)


def _end(row: ObserverRow, end: End, now: datetime) -> None:
    if end.is_revoked and end.turn in {None, row.turn}:
        # Whoever stops or changes it here begins another turn, so this was somebody else.
        _stop(row, now)
    over(row, now)


def _stop(row: ObserverRow, now: datetime) -> None:
    if row.desired == "running":
        row.desired, row.changed_by = "stopped", OF_THE_CLI
        row.turn += 1
        row.version += 1
        row.updated_at = now
