"""`transaction`, the only way to write, and `reading`, which may use a replica."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from hasql.exceptions import HasqlError
from psycopg.errors import (
    AdminShutdown,
    CannotConnectNow,
    CrashShutdown,
    IdleInTransactionSessionTimeout,
    ReadOnlySqlTransaction,
)
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from notilog import config, jobs
from notilog.config import Settings
from notilog.db.pools import Pools, open_pools
from notilog.db.settings import DatabaseSettings
from notilog.errors import Unavailable

RETRY_PAUSE = 0.1
GOING = (AdminShutdown, CrashShutdown, CannotConnectNow, IdleInTransactionSessionTimeout)
"""What a server says that ends this connection, or itself."""

_pools: Pools | None = None
_was_cut_off = False
"""Whether somebody gave up while a connection may have been opened for them."""


async def open_database(settings: Settings) -> None:
    """Open this process's pools; hosts are found in the background."""
    global _pools  # noqa: PLW0603  one set of pools a process
    url = settings.core.database_url.get_secret_value()
    _pools = open_pools(url, settings.section(DatabaseSettings))


async def close_database() -> None:
    global _pools
    pools, _pools = _pools, None
    if pools is None:
        return
    was_ready = pools.available_pool_count > 0
    await pools.close()  # type: ignore[no-untyped-call]  # hasql's
    if not was_ready or _was_cut_off:
        # Who is cut off while connecting, as a first check may be, leaves a connection half open
        # that the server would wait for: only the collector finds it.
        gc.collect()
        _note_cut_off(now=False)


def pools() -> Pools:
    """The open pools of this process.

    Raises:
        LookupError: `open_database` was not called.
    """
    if _pools is None:
        raise LookupError("the database is not open")
    return _pools


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncSession]:
    """A session on the primary that commits at the end of the block.

    Wake-ups asked for with `jobs.wake` inside the block are sent after the commit.

    Raises:
        Unavailable: no primary answers, or the connection broke.
    """
    with jobs.collecting() as wakeups:
        async with _session(read_only=False) as session:
            yield session
            await session.commit()
    await jobs.send(wakeups)


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncSession]:
    """A session for reading, on the least loaded replica or the primary.

    What was just written may not be there yet; read your own writes in a `transaction`.

    Raises:
        Unavailable: no host answers, or the connection broke.
    """
    async with _session(read_only=True) as session:
        yield session


@asynccontextmanager
async def asking(*, primary: bool) -> AsyncIterator[AsyncSession]:
    """For single questions: without a transaction around them.

    Each statement is one trip to the server instead of three, which is what a request that needs
    one row to know its caller mostly waits for.

    Args:
        primary: ask the primary, which alone has heard of everything; else as `reading`.

    Raises:
        Unavailable: no such host answers; when only replicas do, this is said at once.
    """
    if primary and pools().available_pool_count and not pools().metrics().gauges.master_count:
        raise Unavailable("no primary of the database is known")
    async with _session(read_only=not primary, isolation_level="AUTOCOMMIT") as session:
        yield session


@asynccontextmanager
async def dedicated() -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection to the primary for what takes long and cannot be part of a transaction.

    Each statement commits by itself and may take as long as it needs; the connection is closed
    afterwards.

    Raises:
        Unavailable: no primary answers.
    """
    async with asking(primary=True) as tx:
        connection = await driver_connection(tx)
        await connection.execute("SET statement_timeout = 0")
        try:
            yield connection
        finally:
            await (await tx.connection()).invalidate()


async def driver_connection(tx: AsyncSession) -> psycopg.AsyncConnection:
    """The connection of psycopg below a session: SQLAlchemy has no COPY."""
    raw = await (await tx.connection()).get_raw_connection()
    driver = raw.driver_connection
    if not isinstance(driver, psycopg.AsyncConnection):
        raise TypeError(f"COPY needs psycopg, not {type(driver).__name__}")
    return driver


@asynccontextmanager
async def _session(
    *, read_only: bool, isolation_level: IsolationLevel | None = None
) -> AsyncIterator[AsyncSession]:
    connection = await _connected(read_only=read_only)
    try:
        if isolation_level:
            await connection.execution_options(isolation_level=isolation_level)
        async with AsyncSession(connection, expire_on_commit=False, autoflush=False) as session:
            yield session
    except DBAPIError as error:
        if error.connection_invalidated or isinstance(error.orig, GOING):
            raise Unavailable("the connection to the database broke") from error
        if not read_only and isinstance(error.orig, ReadOnlySqlTransaction):
            raise Unavailable("the database has just ceased to be the primary") from error
        raise
    finally:
        await pools().release(connection)


async def _connected(*, read_only: bool) -> AsyncConnection:
    """A connection to a host that answers.

    What is known about a host may be as old as its last check, so one that has just died is tried
    again until the checks have noticed.
    """
    deadline = time.monotonic() + config.section(DatabaseSettings).acquire_timeout
    while True:
        cancelled_before = _times_cancelled()
        try:
            connection: AsyncConnection = await pools().acquire(read_only=read_only)
        except asyncio.CancelledError:
            _note_cut_off()
            raise
        except (DBAPIError, PoolTimeoutError, HasqlError, TimeoutError) as error:
            _note_cut_off()
            if time.monotonic() > deadline:
                raise Unavailable("the database does not answer") from error
        else:
            if _times_cancelled() > cancelled_before:
                # The pools use `asyncio.wait_for`, which in Python 3.11 forgets a cancellation that
                # comes at the same moment as the connection.
                await pools().release(connection)
                raise asyncio.CancelledError
            return connection
        await asyncio.sleep(RETRY_PAUSE)


def _note_cut_off(*, now: bool = True) -> None:
    global _was_cut_off  # noqa: PLW0603  as `_pools`
    _was_cut_off = now


def _times_cancelled() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
