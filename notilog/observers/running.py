"""An observer at work: exactly one at a time, tried again with pauses, ended by whoever may."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import cache
from random import SystemRandom
from typing import Any, Final, Literal
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock, config
from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.leases import leases
from notilog.leases.heart import Heart
from notilog.leases.leases import Fenced, Lease
from notilog.observers import envs
from notilog.observers.endings import End, Endings, stop_unbegun
from notilog.observers.failures import Permanent, Temporary
from notilog.observers.kinds import KINDS
from notilog.observers.kinds.kind import Kind, Watch
from notilog.observers.lease_names import lease_name, observer_of
from notilog.observers.measures import RESTARTS
from notilog.observers.settings import ObserversSettings
from notilog.observers.storable import storable
from notilog.observers.tables import ObserverRow, State
from notilog.observers.telling import tell_of

log = structlog.get_logger(__name__)

Ending = Literal["revoked", "shutdown"]
"""Why a task is cancelled: somebody ended it, or its worker stops."""

LAST_WRITE: Final = 1.5
"""Seconds in which the end of a run is written when its worker stops; its lease ends anyway."""
TRY_AGAIN: Final = 0.2
AT_ONCE: Final = 6
"""Transactions of all runs of a process; others need connections, too."""
LONGEST_ERROR: Final = 1000
_OUTAGES: Final = (Unavailable, OperationalError, InterfaceError, OSError, TimeoutError)
_luck = SystemRandom().uniform


async def run(
    observer_id: UUID, *, task_id: str, worker: str, ending: Callable[[], Ending | None]
) -> None:
    """Run the observer until it is ended; at once nothing when it runs elsewhere already.

    Args:
        observer_id: which one.
        task_id: the task by which people can end it.
        worker: the name of the process.
        ending: why the task is being cancelled, asked when this is.
    """
    this = _Run(observer_id, task_id=task_id, worker=worker, ending=ending)
    try:
        await _heart(asyncio.get_running_loop()).keep(lease_name(observer_id), this.work)
    except Fenced as error:
        log.warning("observer_fenced", observer=str(observer_id), reason=str(error))
    except asyncio.CancelledError:
        if not this.has_worked and ending() == "revoked":
            await _stop_unbegun(observer_id)
        raise


@cache
def _heart(_loop: asyncio.AbstractEventLoop) -> Heart:
    """The one of this process, which has one loop."""
    length = timedelta(seconds=config.section(ObserversSettings).lease_seconds)
    return Heart(length=length, on_beat=_beat, gate=_gate(_loop))


@cache
def _gate(_loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    """A thousand that start at once wait here, in order, and not for the pool of connections."""
    return asyncio.Semaphore(AT_ONCE)


@cache
def _begun(_loop: asyncio.AbstractEventLoop) -> set[UUID]:
    """Observers whose run has written down its turn."""
    return set()


@cache
def _endings(_loop: asyncio.AbstractEventLoop) -> Endings:
    return Endings()


async def _beat(tx: AsyncSession, renewed: Collection[Lease], now: datetime) -> set[str]:
    """Note the heartbeats; the work of those ends for which another turn has begun.

    Usually their task was ended already. This is for those whose worker did not hear of it, and for
    those whom a machine with a wrong clock took for dead.
    """
    begun = _begun(asyncio.get_running_loop())
    found = await tx.execute(
        update(ObserverRow)
        .where(ObserverRow.id.in_([observer_of(lease.name) for lease in renewed]))
        .values(heartbeat_at=now)
        .returning(ObserverRow.id, ObserverRow.turn, ObserverRow.running_turn)
        .execution_options(synchronize_session=False)
    )
    return {
        lease_name(observer_id)
        for observer_id, turn, running_turn in found
        if observer_id in begun and running_turn != turn
    }


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
        self.has_worked = False
        self._turn: int | None = None
        self._gate = _gate(asyncio.get_running_loop())
        self._begun = _begun(asyncio.get_running_loop())
        self._told: asyncio.Queue[tuple[State, str | None]] = asyncio.Queue()
        self._writing = asyncio.Lock()
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
        self.has_worked = True
        telling = asyncio.create_task(self._tell(lease))
        try:
            if await self._begin(lease):
                self._begun.add(self._id)
                await self._watch_again_and_again(lease)
        except asyncio.CancelledError:
            await _ended(telling)
            await self._finish(lease)
            raise
        finally:
            self._begun.discard(self._id)
            await _ended(telling)

    async def _begin(self, lease: Lease) -> bool:
        """Say that it is us; False when nobody wants it to run any more."""
        async with self._gate, transaction() as tx:
            now = clock.now()
            await leases.hold(tx, lease, now)
            row = await tx.get(ObserverRow, self._id, with_for_update=True)
            if row is None or row.desired != "running" or row.state == "failed":
                return False
            if row.retry_at is not None and row.retry_at > now:
                return False
            row.task_id, row.worker = self._task_id, self._worker
            row.running_turn = self._turn = row.turn
            if row.state != "starting":
                row.state, row.state_since = "starting", now
            row.heartbeat_at = now
            row.retry_at = None
            self._failures = row.failures
            tell_of(tx, [self._id])
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
                await self._write_now(lease, "failed", str(error))
                return
            except Exception as error:  # noqa: BLE001  whatever it is, it is tried again
                failure = error
            await self._pause(lease, failure)

    async def _watch(self, lease: Lease) -> None:
        kind, watch = await self._described(lease)
        await kind.observe(watch)

    async def _described(self, lease: Lease) -> tuple[Kind, Watch[Any]]:
        async with self._gate, transaction() as tx:
            row = await tx.get_one(ObserverRow, self._id)
        env = envs.opened(self._id, row.kind, dict(row.env), row.sealed)
        return KINDS[row.kind], Watch(self._id, row.name, env, lease, self)

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
        log.warning(
            "observer_tries_again",
            observer=str(self._id),
            seconds=round(pause, 1),
            reason=_text(failure),
            exc_info=None if isinstance(failure, Temporary) else failure,
        )
        await self._write_now(lease, "reconnecting", _text(failure), restarts=1)
        await asyncio.sleep(pause)

    def _has_settled(self, seconds: float) -> bool:
        since = self._running_since
        return since is not None and (clock.now() - since).total_seconds() >= seconds

    async def _tell(self, lease: Lease) -> None:
        """Write down what the kind says; of several sayings the last one counts."""
        while True:
            told = await self._told.get()
            async with self._writing:
                while not self._told.empty():
                    told = self._told.get_nowait()
                try:
                    await self._write(lease, *told)
                except Fenced:
                    return  # the heart will tell

    async def _write_now(
        self, lease: Lease, state: State, reason: str, *, restarts: int = 0
    ) -> None:
        """Write the state down after whatever was said before; that does not count any more."""
        async with self._writing:
            while not self._told.empty():
                self._told.get_nowait()
            await self._write(lease, state, reason, restarts=restarts)

    async def _write(
        self, lease: Lease, state: State, reason: str | None, *, restarts: int = 0
    ) -> None:
        """Write the state down, however long the database is away.

        Raises:
            Fenced: it is another's to write.
        """
        changes: dict[str, Any] = {"state": state, "failures": self._failures}
        if reason is not None:
            changes["last_error"] = storable(reason, longest=LONGEST_ERROR)
        if state == "failed":
            changes |= {"task_id": None, "worker": None, "running_turn": None}
        if state != self._state:
            changes["state_since"] = clock.now()
        statement = (
            update(ObserverRow)
            .where(ObserverRow.id == self._id)
            .values(**changes, restarts=ObserverRow.restarts + restarts)
            .execution_options(synchronize_session=False)
        )
        while True:
            try:
                async with self._gate, transaction() as tx:
                    await leases.hold(tx, lease, clock.now())
                    await tx.execute(statement)
                    tell_of(tx, [self._id])
            except _OUTAGES as error:
                log.warning("observer_state_not_written", reason=str(error))
                await asyncio.sleep(1)
            else:
                self._state = state
                return

    async def _finish(self, lease: Lease) -> None:
        """Write down that it ends, and why; nothing when the lease is another's.

        Who ended the task means it, so that is tried for as long as the lease may last. A worker
        that stops has no such time.
        """
        settings = config.section(ObserversSettings)
        is_revoked = self._ending() == "revoked"
        patience = settings.lease_seconds if is_revoked else LAST_WRITE
        end = End(self._id, lease, self._turn, is_revoked=is_revoked)
        endings = _endings(asyncio.get_running_loop())
        try:
            async with asyncio.timeout(patience):
                while not await _is_written(endings, end):  # noqa: ASYNC110  nobody could tell
                    await asyncio.sleep(TRY_AGAIN)
        except TimeoutError:
            log.warning("observer_end_not_written", observer=str(self._id))


async def _is_written(endings: Endings, end: End) -> bool:
    try:
        await endings.write(end)
    except (Unavailable, SQLAlchemyError, OSError) as error:
        log.warning("observer_end_postponed", observer=str(end.observer_id), reason=str(error))
        return False
    return True


async def _stop_unbegun(observer_id: UUID) -> None:
    try:
        async with asyncio.timeout(LAST_WRITE):
            await stop_unbegun(observer_id)
    except (Unavailable, SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("observer_end_not_written", observer=str(observer_id), reason=str(error))


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _text(failure: Exception) -> str:
    if isinstance(failure, Temporary):
        return str(failure)
    return f"{type(failure).__name__}: {failure}"
