"""Observers as people want them: made, listed, started, stopped, changed and deleted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog import config, cursors, jobs
from notilog.db.session import transaction
from notilog.errors import Conflict, Forbidden, NotFound, Stale
from notilog.leases.leases import is_free
from notilog.leases.tables import LeaseRow
from notilog.observers import envs
from notilog.observers.lease_names import LEASES, lease_name
from notilog.observers.settings import ObserversSettings
from notilog.observers.tables import ObserverRow, State
from notilog.observers.telling import tell_of, tell_of_removal
from notilog.observers.voice.forgetting import forget
from notilog.users.caller import Caller

RUN: Final = "observers.run"
END: Final = "observers.end"
ASKED_FOR: Final = 15.0
"""Seconds for which a request to run stays in the queue."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An observer, and until when somebody has promised to be running it."""

    row: ObserverRow
    lease_until: datetime | None


def lease_of_row() -> ColumnElement[str]:
    """The name of the lease of each row of a query."""
    return func.concat(LEASES, ObserverRow.id)


async def create(
    tx: AsyncSession,
    caller: Caller,
    *,
    name: str,
    kind: str,
    env: Mapping[str, Any],
    now: datetime,
) -> Shown:
    """Make an observer and have it started.

    Raises:
        Forbidden: the caller is bound to a project, and observers are of none.
        Invalid: naming each field that is wrong.
        Conflict: there are as many as there may be.
    """
    _refuse_bound(caller)
    checked = envs.checked(kind, env)
    count = await tx.scalar(select(func.count()).select_from(ObserverRow)) or 0
    most = config.section(ObserversSettings).most
    if count >= most:
        raise Conflict(f"there are {count} observers already; delete some")
    row = ObserverRow(
        id=uuid7(),
        name=name,
        kind=kind,
        owner=None if caller.user_id.int == 0 else caller.user_id,
        turn=0,
        version=0,
        created_at=now,
    )
    envs.write(row, checked)
    _want_running(row, caller, now)
    tx.add(row)
    await tx.flush()
    tell_of(tx, [row.id])
    return Shown(row, None)


async def listing(
    tx: AsyncSession, *, limit: int, cursor: str | None = None
) -> tuple[list[Shown], str | None]:
    """The observers, newest first, and the cursor of the next page.

    Raises:
        Invalid: the cursor was not given out by this list.
    """
    statement = _select().order_by(ObserverRow.id.desc()).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(ObserverRow.id < cursors.key(cursor))
    found = [Shown(row, until) for row, until in await tx.execute(statement)]
    page = found[:limit]
    return page, str(page[-1].row.id) if len(found) > limit else None


async def statuses(tx: AsyncSession) -> Sequence[Any]:
    """How all go, the oldest first: rows of id, name, kind, desired, state and last_error."""
    columns = (
        *(ObserverRow.id, ObserverRow.name, ObserverRow.kind),
        *(ObserverRow.desired, ObserverRow.state, ObserverRow.last_error),
    )
    return (await tx.execute(select(*columns).order_by(ObserverRow.id))).all()


async def get(tx: AsyncSession, observer_id: UUID) -> Shown:
    """One observer.

    Raises:
        NotFound: there is none.
    """
    found = (await tx.execute(_select().where(ObserverRow.id == observer_id))).first()
    if found is None:
        raise _unknown()
    return Shown(*found)


async def start(tx: AsyncSession, caller: Caller, *, observer_id: UUID, now: datetime) -> Shown:
    """Have it running, also after a failure that was for ever, and now while it waits after one.

    Raises:
        NotFound: there is none.
    """
    row = await _held(tx, observer_id)
    if row.state == "reconnecting":
        end(row)
    if (
        row.desired == "stopped"
        or row.state in {"failed", "reconnecting"}
        or row.retry_at is not None
    ):
        _want_running(row, caller, now)
    return await _written(tx, row)


async def stop(tx: AsyncSession, caller: Caller, *, observer_id: UUID, now: datetime) -> Shown:
    """Have it stopped, wherever it runs.

    Raises:
        NotFound: there is none.
    """
    row = await _held(tx, observer_id)
    if row.desired == "running":
        row.desired = "stopped"
        row.changed_by = caller.login
        row.turn += 1
        _changed(row, now)
        if await is_free(tx, lease_name(observer_id), now=now):
            over(row, now)
    end(row)
    return await _written(tx, row)


async def change(
    tx: AsyncSession,
    caller: Caller,
    *,
    observer_id: UUID,
    name: str | None,
    env: Mapping[str, Any] | None,
    expected: Collection[int] | None,
    now: datetime,
) -> Shown:
    """Change its name or parts of its env; it runs anew with them, also when it had failed.

    Raises:
        Forbidden: the caller is bound to a project, and observers are of none.
        NotFound: there is none.
        Stale: its version is not one of the expected ones; None expects any.
        Invalid: naming each field that is wrong.
    """
    _refuse_bound(caller)
    row = await _held(tx, observer_id)
    if expected is not None and row.version not in expected:
        raise Stale(f"it was changed since; its version is {row.version}")
    if name is not None:
        row.name = name
    if env is not None:
        envs.write(row, envs.changed(row, env))
    if row.desired == "running":
        end(row)
        _want_running(row, caller, now)
    else:
        _changed(row, now)
    return await _written(tx, row)


async def remove(caller: Caller, *, observer_id: UUID, now: datetime) -> None:
    """Delete the observer with all that it wrote; whoever runs it is fenced from this moment on.

    In several transactions, for what it wrote may be much; after a failure it is stopped, and may
    be deleted again.

    Raises:
        NotFound: there is none.
    """
    async with transaction() as tx:
        # As everybody: the lease before the row.
        await tx.execute(delete(LeaseRow).where(LeaseRow.name == lease_name(observer_id)))
        row = await _held(tx, observer_id)
        row.desired, row.changed_by = "stopped", caller.login
        row.turn += 1
        _changed(row, now)
        end(row)
        over(row, now)
        tell_of(tx, [observer_id])
    await forget(observer_id)
    async with transaction() as tx:
        await tx.execute(delete(ObserverRow).where(ObserverRow.id == observer_id))
        tell_of_removal(tx, observer_id)


def over(row: ObserverRow, now: datetime) -> None:
    """Note that nobody runs it; what has failed stays so until somebody starts it."""
    row.task_id = row.worker = row.running_turn = None
    state: State = "stopped" if row.desired == "stopped" else "starting"
    if row.state != state and not (row.state == "failed" and state == "starting"):
        row.state, row.state_since = state, now


def ask(row: ObserverRow, now: datetime) -> None:
    """Have a worker run the observer after this transaction."""
    row.asked_at = now
    jobs.wake(RUN, str(row.id), expires=ASKED_FOR)


def _want_running(row: ObserverRow, caller: Caller, now: datetime) -> None:
    row.desired, row.state, row.state_since = "running", "starting", now
    row.changed_by = caller.login
    row.last_error = row.retry_at = None
    row.failures = 0
    row.turn += 1
    _changed(row, now)
    ask(row, now)


def _refuse_bound(caller: Caller) -> None:
    if caller.project is not None:
        raise Forbidden(f"you are bound to project {caller.project}; observers are of none")


def _changed(row: ObserverRow, now: datetime) -> None:
    """Note that somebody changed what is wanted."""
    row.version += 1
    row.updated_at = now


def end(row: ObserverRow, *, expires: float | None = None) -> None:
    """Have the task ended that runs it, wherever that is, after this transaction."""
    if row.task_id is not None:
        jobs.wake(END, row.task_id, expires=expires)


def _select() -> Any:
    return select(ObserverRow, LeaseRow.until).outerjoin(LeaseRow, LeaseRow.name == lease_of_row())


async def _held(tx: AsyncSession, observer_id: UUID) -> ObserverRow:
    row = await tx.get(ObserverRow, observer_id, with_for_update=True)
    if row is None:
        raise _unknown()
    return row


async def _written(tx: AsyncSession, row: ObserverRow) -> Shown:
    await tx.flush()
    tell_of(tx, [row.id])
    name = lease_name(row.id)
    until = await tx.scalar(select(LeaseRow.until).where(LeaseRow.name == name))
    return Shown(row, until)


def _unknown() -> NotFound:
    return NotFound("there is no such observer")
