"""Bringing the database to the newest revision; Alembic does it, on a connection of ours."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from hasql.utils import split_dsn
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from notilog.errors import Conflict, Unavailable
from notilog.fallbacks import ConfigurationError

Result = TypeVar("Result")


def _config() -> Config:
    spec = find_spec("migrations")
    if spec is None or spec.origin is None:
        raise LookupError("the package 'migrations' is not installed beside 'notilog'")
    config = Config()
    config.set_main_option("script_location", str(Path(spec.origin).parent))
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    return config


def head() -> str | None:
    """The newest revision that this version of NotiLog knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_known(revision: str) -> bool:
    """Whether this version of NotiLog has a migration of this name."""
    known = ScriptDirectory.from_config(_config()).walk_revisions()
    return any(script.revision == revision for script in known)


async def upgrade(url: str) -> tuple[str | None, str | None]:
    """Apply what is missing on the primary; returns the revision before and after.

    Safe to call from several nodes at once: one migrates, the others wait for it.

    Raises:
        Unavailable: none of the hosts of ``url`` is a primary that answers.
        Conflict: a newer version of NotiLog has migrated the database already.
        ConfigurationError: ``url`` asks for what PostgreSQL's client does not know.
    """

    def run(connection: Connection) -> tuple[str | None, str | None]:
        before = _revision(connection)
        if before is not None and not is_known(before):
            raise Conflict(
                f"the database is at revision {before}, which this version of NotiLog does not "
                "know: use the version that brought it there"
            )
        command.upgrade(_with(connection), "head")
        return before, _revision(connection)

    return await _on_primary(url, run)


async def revision(url: str) -> str | None:
    """The revision that the database is at; None for an empty one."""
    return await _on_primary(url, _revision)


async def autogenerate(url: str, message: str) -> None:
    """Write a new migration: the difference between the tables' classes and the database."""

    def run(connection: Connection) -> None:
        command.revision(_with(connection), message=message, autogenerate=True)

    await _on_primary(url, run)


async def check(url: str) -> None:
    """Fail when the tables' classes and the migrated database differ (``alembic check``)."""
    await _on_primary(url, lambda connection: command.check(_with(connection)))


def _with(connection: Connection) -> Config:
    config = _config()
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    current = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return current


async def _on_primary(url: str, run: Callable[[Connection], Result]) -> Result:
    failures = []
    for dsn in split_dsn(url):
        _check_options(str(dsn))
        engine = create_async_engine(
            make_url(str(dsn)).set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": 5, "application_name": "notilog-migrate"},
        )
        try:
            async with engine.connect() as connection:
                if (await connection.scalar(text("SELECT pg_is_in_recovery()"))) is False:
                    await connection.rollback()
                    return await connection.run_sync(run)
                failures.append(f"{dsn.netloc} is a replica")
        except (TimeoutError, OperationalError) as error:
            failures.append(f"{dsn.netloc}: {str(error).splitlines()[0]}")
        finally:
            await engine.dispose()
    raise Unavailable("no primary PostgreSQL: " + "; ".join(failures))


def _check_options(dsn: str) -> None:
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise ConfigurationError(f"NOTILOG_DATABASE_URL: {str(error).strip()}") from error
