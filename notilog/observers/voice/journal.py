"""What all recorders of a process write, in common transactions.

A thousand observers that hear something once in a while would need as many transactions; together
they need a few dozen a second. Whoever finds nobody writing writes for all who wait, so there is no
task of its own, and nothing to start or stop.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog
from psycopg.errors import ForeignKeyViolation
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock, config
from notilog.db.session import transaction
from notilog.errors import NotFound, Unavailable
from notilog.leases import leases
from notilog.leases.leases import Fenced, Lease
from notilog.observers.voice import opened
from notilog.observers.voice.changes import Changes
from notilog.observers.voice.privacy_lock import LOCK
from notilog.observers.voice.sessions import OpenSession
from notilog.observers.voice.settings import VoiceSettings
from notilog.observers.voice.writing import write

log = structlog.get_logger(__name__)

OUTAGES: Final = (Unavailable, OperationalError, InterfaceError, OSError, TimeoutError)
REFUSALS: Final = (SQLAlchemyError, ValueError, OverflowError)
"""What the database, or its driver, says of values that it does not take."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
MOST_ROWS: Final = 10_000
"""Rows in one transaction, about, unless one observer alone has more."""
AT_ONCE: Final = 4
"""Observers whose sessions are read at the same time."""
REFUSALS_LAST: Final = 30.0
"""Seconds after which it is asked again who has opted out."""


@dataclass(eq=False, slots=True)
class _Entry:
    """What one recorder waits to see written."""

    lease: Lease
    observer_id: UUID
    changes: Changes
    is_done: bool = False
    error: Exception | None = field(default=None)


class Journal:
    """One for all recorders of an event loop."""

    def __init__(self) -> None:
        settings = config.section(VoiceSettings)
        self._gather = settings.batch_ms / 1000
        self._most_events = settings.batch_events
        self._turn = asyncio.Lock()
        self._reading = asyncio.Semaphore(AT_ONCE)
        self._waiting: list[_Entry] = []
        self._pause = FIRST_PAUSE
        self._asked_at = float("-inf")
        self.opted_out: frozenset[int] = frozenset()
        """Whom nobody records; somebody new on it is kept out by the statements themselves."""

    async def open_sessions(self, lease: Lease, observer_id: UUID) -> list[OpenSession]:
        """The open sessions of an observer; waits while the database is away.

        Raises:
            Fenced: the lease is not ours any more.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._reading, transaction() as tx:
                    await leases.hold(tx, lease, clock.now())
                    await self._ask_who_opted_out(tx)
                    return await opened.open_sessions(tx, observer_id)
            except OUTAGES as error:
                log.warning("voice_sessions_not_read", lease=lease.name, reason=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def write(self, lease: Lease, observer_id: UUID, changes: Changes) -> None:
        """Returns when the changes are committed; waits while the database is away.

        Raises:
            Fenced: the lease is not ours any more; nothing was written.
            NotFound: the observer was deleted.
            SQLAlchemyError: the database refuses what is to be written.
        """
        entry = _Entry(lease, observer_id, changes)
        self._waiting.append(entry)
        try:
            async with self._turn:
                while not entry.is_done:
                    await self._write_for_all()
        finally:
            if not entry.is_done:
                self._waiting.remove(entry)
        if entry.error is not None:
            raise entry.error

    async def _write_for_all(self) -> None:
        await asyncio.sleep(self._gather)
        entries = self._some()
        try:
            await self._commit(entries)
        except OUTAGES as error:
            log.warning("voice_postponed", observers=len(entries), reason=str(error))
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        except REFUSALS as error:
            if len(entries) == 1:
                self._settle(entries, error)
            else:  # it is the fault of one of them, and the others shall not suffer
                await self._write_apart(entries)

    async def _write_apart(self, entries: Sequence[_Entry]) -> None:
        for entry in entries:
            try:
                await self._commit([entry])
            except OUTAGES:
                return  # it is tried again with all who are left
            except REFUSALS as error:
                self._settle([entry], error)

    async def _commit(self, entries: Sequence[_Entry]) -> None:
        async with transaction() as tx:
            # Before the leases: an erasure that takes long must not keep them from being renewed.
            await tx.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
            held = await leases.held_among(tx, {one.lease for one in entries}, clock.now())
            ours = [one for one in entries if one.lease in held]
            if ours:
                await self._ask_who_opted_out(tx)
                await write(tx, [(one.observer_id, one.changes) for one in ours])
        self._pause = FIRST_PAUSE
        self._settle(ours)
        for one in entries:
            if not one.is_done:
                self._settle([one], Fenced(f"the lease {one.lease.name} is not ours any more"))

    async def _ask_who_opted_out(self, tx: AsyncSession) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._asked_at >= REFUSALS_LAST:
            self.opted_out = await opened.opted_out(tx)
            self._asked_at = now

    def _some(self) -> list[_Entry]:
        """Those who have waited longest, as many as fit into one transaction."""
        weight = 0
        for count, entry in enumerate(self._waiting):
            weight += entry.changes.weight
            if count and weight > MOST_ROWS:
                return self._waiting[:count]
        return list(self._waiting)

    def _settle(self, entries: Sequence[_Entry], error: Exception | None = None) -> None:
        if isinstance(error, IntegrityError) and isinstance(error.orig, ForeignKeyViolation):
            error = NotFound("the observer was deleted")
        for entry in entries:
            entry.is_done, entry.error = True, error
        self._waiting = [entry for entry in self._waiting if not entry.is_done]
