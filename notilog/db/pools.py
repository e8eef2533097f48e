"""Connections to one or several PostgreSQL hosts, chosen by role and load.

hasql checks every host in the background, knows which is the primary, and hands out a connection
of the least loaded one that fits. Its own SQLAlchemy driver builds asyncpg engines; ours builds
psycopg ones.
"""

import asyncio
from collections.abc import Generator
from typing import Any

from hasql.driver.asyncsqlalchemy import AsyncSqlAlchemyDriver
from hasql.pool_manager import BasePoolManager
from hasql.utils import Dsn
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from notilog.db.settings import DatabaseSettings

DEAD_PEER = {"idle": 10, "interval": 5, "count": 3}
"""A host that vanished without a word is given up within seconds, not the kernel's two hours."""
POSTGRES_PORT = 5432
UNHEARD = 20_000
"""Milliseconds for which what was sent may stay unheard."""


class _Acquiring:
    """A connection of an engine within some seconds.

    hasql's own uses `asyncio.wait_for`, which in Python 3.11 loses connections and cancellations
    that come at the same moment.
    """

    def __init__(self, engine: AsyncEngine, seconds: float | None) -> None:
        self._engine = engine
        self._seconds = seconds

    def __await__(self) -> Generator[Any, None, AsyncConnection]:
        return self._connected().__await__()

    async def __aenter__(self) -> AsyncConnection:
        self._connection = await self._connected()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def _connected(self) -> AsyncConnection:
        async with asyncio.timeout(self._seconds):
            return await self._engine.connect()


class PsycopgDriver(AsyncSqlAlchemyDriver):
    """hasql's SQLAlchemy driver on psycopg 3."""

    def acquire_from_pool(
        self, pool: AsyncEngine, *, timeout: float | None = None, **_: Any
    ) -> _Acquiring:
        return _Acquiring(pool, timeout)

    async def pool_factory(self, dsn: Dsn, **kwargs: Any) -> AsyncEngine:
        return create_async_engine(
            make_url(str(dsn)).set(drivername="postgresql+psycopg"), **kwargs
        )

    def host(self, pool: AsyncEngine) -> str:
        """With its port: several may be on one machine."""
        url = pool.sync_engine.url
        return f"{url.host or 'localhost'}:{url.port or POSTGRES_PORT}"


Pools = BasePoolManager[AsyncEngine, AsyncConnection]


def open_pools(url: str, settings: DatabaseSettings) -> Pools:
    """Pools for every host named in ``url``; must be called on a running event loop.

    The hosts are found out in the background: the first `acquire` waits for one that fits.
    """
    client = {f"keepalives_{name}": number for name, number in DEAD_PEER.items()}
    # The server does the same for us: whoever stands still, or is gone, lets go of its locks.
    server = {
        "statement_timeout": int(settings.statement_timeout * 1000),
        "idle_in_transaction_session_timeout": int(settings.idle_transaction_timeout * 1000),
        "timezone": "UTC",
        "tcp_user_timeout": UNHEARD,
        **{f"tcp_keepalives_{name}": number for name, number in DEAD_PEER.items()},
    }
    return BasePoolManager(
        url,
        driver=PsycopgDriver(),
        acquire_timeout=settings.acquire_timeout,
        refresh_delay=settings.refresh_delay,
        refresh_timeout=settings.refresh_timeout,
        fallback_master=settings.fallback_master,
        master_as_replica_weight=settings.master_as_replica_weight,
        pool_factory_kwargs={
            "hide_parameters": True,  # they may be secrets, and errors end up in logs
            "pool_size": settings.pool_size,
            "max_overflow": settings.pool_max_overflow,
            "pool_timeout": settings.acquire_timeout,
            "connect_args": {
                "application_name": "notilog",
                "connect_timeout": int(max(1, settings.acquire_timeout)),
                "tcp_user_timeout": UNHEARD,
                **client,
                "options": " ".join(f"-c {name}={value}" for name, value in server.items()),
            },
        },
    )
