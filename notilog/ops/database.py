"""The database of one command: migrated, open while the command needs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from notilog.config import Settings
from notilog.db import migrate
from notilog.db.session import close_database, open_database
from notilog.errors import Conflict


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[None]:
    """Open this process's pools for the block.

    Raises:
        Conflict: the database is of another version.
    """
    await _check_migrated(settings)
    await open_database(settings)
    try:
        yield
    finally:
        await close_database()


async def _check_migrated(settings: Settings) -> None:
    revision = await migrate.revision(settings.core.database_url.get_secret_value())
    if revision != migrate.head():
        raise Conflict(
            f"the database is at revision {revision or 'nothing'}, this version of NotiLog needs "
            f"{migrate.head()}: run `notilog migrate`"
        )
