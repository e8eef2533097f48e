"""Connections to one or several PostgreSQL hosts, chosen by role and load.

hasql checks every host in the background, knows which is the primary, and hands out a connection
of the least loaded one that fits. Its own SQLAlchemy driver builds asyncpg engines; ours builds
psycopg ones.
"""

from typing import Any, ClassVar

from hasql.driver.asyncsqlalchemy import AsyncSqlAlchemyDriver
from hasql.pool_manager import BasePoolManager
from hasql.utils import Dsn
from pydantic import Field
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from notilog.config import Section


class DatabaseSettings(Section):
    """How this process uses the database."""

    section: ClassVar[str] = "database"

    pool_size: int = Field(10, ge=1, le=500)
    pool_max_overflow: int = Field(10, ge=0, le=500)
    acquire_timeout: float = Field(5.0, gt=0, le=120, description="seconds")
    refresh_delay: float = Field(1.0, gt=0, le=60, description="seconds between checks of a host")
    refresh_timeout: float = Field(5.0, gt=0, le=60, description="seconds a check may take")
    statement_timeout: float = Field(30.0, gt=0, le=3600, description="seconds")
    fallback_master: bool = Field(True, description="read from the primary when no replica lives")
    master_as_replica_weight: float = Field(0.2, ge=0, le=1)


class PsycopgDriver(AsyncSqlAlchemyDriver):  # type: ignore[misc]  # hasql is untyped here
    """hasql's SQLAlchemy driver on psycopg 3."""

    async def pool_factory(self, dsn: Dsn, **kwargs: Any) -> AsyncEngine:
        return create_async_engine(
            make_url(str(dsn)).set(drivername="postgresql+psycopg"), **kwargs
        )


Pools = BasePoolManager[AsyncEngine, AsyncConnection]


def open_pools(url: str, settings: DatabaseSettings) -> Pools:
    """Pools for every host named in ``url``; must be called on a running event loop.

    The hosts are found out in the background: the first `acquire` waits for one that fits.
    """
    milliseconds = int(settings.statement_timeout * 1000)
    return BasePoolManager(
        url,
        driver=PsycopgDriver(),
        acquire_timeout=settings.acquire_timeout,
        refresh_delay=settings.refresh_delay,
        refresh_timeout=settings.refresh_timeout,
        fallback_master=settings.fallback_master,
        master_as_replica_weight=settings.master_as_replica_weight,
        pool_factory_kwargs={
            "pool_size": settings.pool_size,
            "max_overflow": settings.pool_max_overflow,
            "pool_timeout": settings.acquire_timeout,
            "connect_args": {
                "application_name": "notilog",
                "connect_timeout": int(max(1, settings.acquire_timeout)),
                "options": f"-c statement_timeout={milliseconds} -c timezone=UTC",
            },
        },
    )
