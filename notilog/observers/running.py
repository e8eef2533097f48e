"""An observer at work: exactly one at a time, tried again with pauses, ended by whoever may."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from random import SystemRandom
from typing import Any, Final, Literal
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock, config
from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.leases import leases
from notilog.leases.heart import Heart
from notilog.leases.leases import Fenced, Lease
from notilog.observers import envs
from notilog.observers.failures import Permanent, Temporary
from notilog.observers.kinds import KINDS
from notilog.observers.kinds.kind import Watch
from notilog.observers.measures import RESTARTS
from notilog.observers.observers import ask, lease_name, observer_of
from notilog.observers.settings import ObserversSettings
from notilog.observers.tables import ObserverRow, State

log = structlog.get_logger(__name__)

Ending = Literal["revoked", "shutdown"]
"""Why a run is cancelled: somebody ended its task, or its worker stops."""

LAST_WRITE: Final = 1.5
"""Seconds in which the end of a run is written; its lease ends anyway."""
LONGEST_ERROR: Final = 1000
OF_THE_CLI: Final = "celery control"
_OUTAGES: Final = (Unavailable, SQLAlchemyError, OSError, TimeoutError)
_luck = SystemRandom().uniform


async def run(
    observer_id: UUID, *, task_id: str, worker: str, ending: Callable[[], Ending | None]
) -> None:
    """Run the observer until it is ended; at once nothing when it runs elsewhere already.

    Args:
        observer_id: which one.
        task_id: the task by which people can end it.
        worker: the name of the process.
        ending: why this is being cancelled, asked when it is.
    """
    this = _Run(observer_id, task_id=task_id, worker=worker, ending=ending)
    try:
        await _heart(asyncio.get_running_loop()).keep(lease_name(observer_id), this.work)
    except Fenced as error:
        log.warning("observer_fenced", observer=str(observer_id), reason=str(error))


@cache
def _heart(_loop: asyncio.AbstractEventLoop) -> Heart:
    """The one of this process, which has one loop."""
    length = timedelta(seconds=config.section(ObserversSettings).lease_seconds)
    return Heart(length=length, on_beat=_beat)


async def _beat(tx: AsyncSession, names: Collection[str], now: datetime) -> None:
    await tx.execute(
        update(ObserverRow)
        .where(ObserverRow.id.in_([observer_of(name) for name in names]))
        .values(heartbeat_at=now)
        .execution_options(synchronize_session=False)
    )


class _Run:
    """One turn of an observer in this process; also how its kind says how it goes."""

    def __init__(
        self,
        observer_id: UUID,
        *,
        task_id: str,
        worker: str,
        ending: Callable[[], Ending | None],
    ) -> None:
        self._id = observer_id
        self._task_id = task_id
        self._worker = worker
        self._ending = ending
        self._told: asyncio.Queue[tuple[State, str | None]] = asyncio.Queue()
        self._state: State = "starting"
        self._failures = 0
        self._running_since: datetime | None = None

    def running(self) -> None:
        if self._running_since is None:
            self._running_since = clock.now()
        self._told.put_nowait(("running", None))

    def reconnecting(self, reason: str) -> None:
        self._running_since = None
        self._told.put_nowait(("reconnecting", reason))

    async def work(self, lease: Lease) -> None:
        """Watch, again and again; the lease is ours until it is not renewed."""
        if not await self._begin(lease):
            return
        telling = asyncio.create_task(self._tell(lease))
        try:
            await self._watch_again_and_again(lease)
        except asyncio.CancelledError:
            await self._finish(lease)
            raise
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _begin(self, lease: Lease) -> bool:
        """Say that it is us; False when nobody wants it to run any more."""
        now = clock.now()
        async with transaction() as tx:
            await leases.hold(tx, lease, now)
            row = await tx.get(ObserverRow, self._id, with_for_update=True)
            if row is None or row.desired != "running" or row.state == "failed":
                return False
            if row.retry_at is not None and row.retry_at > now:
                return False
            row.task_id, row.worker = self._task_id, self._worker
            row.state, row.state_since = "starting", now
            row.heartbeat_at = now
            self._failures = row.failures
        return True

    async def _watch_again_and_again(self, lease: Lease) -> None:
        while True:
            try:
                await self._watch(lease)
                failure: Exception = Temporary("it ended by itself")
            except Fenced:
                raise
            except Permanent as error:
                log.warning("observer_failed", observer=str(self._id), reason=str(error))
                await self._write(lease, "failed", str(error))
                return
            except Exception as error:  # noqa: BLE001  whatever it is, it is tried again
                failure = error
            await self._pause(lease, failure)

    async def _watch(self, lease: Lease) -> None:
        async with transaction() as tx:
            row = await tx.get_one(ObserverRow, self._id)
            name, kind, env, secret = row.name, row.kind, dict(row.env), row.sealed
        opened = envs.opened(self._id, kind, env, secret)
        await KINDS[kind].observe(Watch(self._id, name, opened, lease, self))

    async def _pause(self, lease: Lease, failure: Exception) -> None:
        settings = config.section(ObserversSettings)
        if self._has_settled(settings.settled_after):
            self._failures = 0
        self._running_since = None
        pause = min(settings.longest_pause, settings.first_pause * 2 ** min(self._failures, 30))
        pause *= _luck(0.5, 1)
        if isinstance(failure, Temporary):
            pause = max(pause, failure.after)
        self._failures += 1
        RESTARTS.add()
        reason = _text(failure)
        expected = isinstance(failure, Temporary)
        log.warning(
            "observer_tries_again",
            observer=str(self._id),
            seconds=round(pause, 1),
            reason=reason,
            exc_info=None if expected else failure,
        )
        await self._write(lease, "reconnecting", reason, restarts=1)
        await asyncio.sleep(pause)

    def _has_settled(self, seconds: float) -> bool:
        since = self._running_since
        return since is not None and (clock.now() - since).total_seconds() >= seconds

    async def _tell(self, lease: Lease) -> None:
        """Write down what the kind said; of several sayings the last one counts."""
        while True:
            state, reason = await self._told.get()
            while not self._told.empty():
                state, reason = self._told.get_nowait()
            with suppress(Fenced):  # the heart will tell
                await self._write(lease, state, reason)

    async def _write(
        self, lease: Lease, state: State, reason: str | None, *, restarts: int = 0
    ) -> None:
        """Write the state down, however long the database is away.

        Raises:
            Fenced: it is another's to write.
        """
        changes: dict[str, Any] = {"state": state, "failures": self._failures}
        if reason is not None:
            changes["last_error"] = reason[:LONGEST_ERROR]
        if state == "failed":
            changes |= {"task_id": None, "worker": None}
        if state != self._state:
            changes["state_since"] = clock.now()
        while True:
            now = clock.now()
            try:
                async with transaction() as tx:
                    await leases.hold(tx, lease, now)
                    await tx.execute(
                        _of(self._id).values(**changes, restarts=ObserverRow.restarts + restarts)
                    )
            except _OUTAGES as error:
                log.warning("observer_state_not_written", reason=str(error))
                await asyncio.sleep(1)
            else:
                self._state = state
                return

    async def _finish(self, lease: Lease) -> None:
        """Write down why it ends, unless the lease is lost and it is another's to say."""
        ending = self._ending()
        if ending is None:
            return
        try:
            async with asyncio.timeout(LAST_WRITE), transaction() as tx:
                await leases.hold(tx, lease, clock.now())
                row = await tx.get(ObserverRow, self._id, with_for_update=True)
                if row is not None and row.task_id == self._task_id:
                    _end(row, ending, clock.now())
                elif row is not None and row.desired == "running":
                    ask(row, clock.now())  # it was changed, and is to run anew
                # Whoever is asked now must not find it held.
                await leases.release(tx, lease, now=clock.now())
        except (Fenced, *_OUTAGES) as error:
            log.warning("observer_end_not_written", observer=str(self._id), reason=str(error))


def _end(row: ObserverRow, ending: Ending, now: datetime) -> None:
    if ending == "revoked" and row.desired == "running":
        row.desired, row.changed_by = "stopped", OF_THE_CLI
        row.version += 1
        row.updated_at = now
    row.task_id = row.worker = None
    if row.desired == "stopped":
        row.state, row.state_since = "stopped", now
    else:
        row.state, row.state_since = "starting", now
        ask(row, now)


def _of(observer_id: UUID) -> Any:
    return (
        update(ObserverRow)
        .where(ObserverRow.id == observer_id)
        .execution_options(synchronize_session=False)
    )


def _text(failure: Exception) -> str:
    return (
        str(failure) if isinstance(failure, Temporary) else f"{type(failure).__name__}: {failure}"
    )
