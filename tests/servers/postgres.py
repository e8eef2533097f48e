"""A PostgreSQL cluster for the whole run, and a fresh migrated database for each test."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from notilog.db import migrate
from notilog.ops.embedded import Postgres, prepare_postgres
from tests.servers.process import running, wait_until

TEMPLATE = "migrated"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster whose database ``migrated`` is the template of fresh ones."""

    server: Postgres
    numbers: "count[int]"

    def url(self, database: str) -> str:
        return self.server.url.rpartition("/")[0] + "/" + database

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """URL of a new migrated database, dropped afterwards."""
        name = sql.Identifier(f"test_{next(self.numbers)}")
        with psycopg.connect(self.server.url, autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(TEMPLATE))
            )
        yield self.url(name.as_string().strip('"'))
        with psycopg.connect(self.server.url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def cluster(home: Path) -> Iterator[Cluster]:
    server = prepare_postgres(home)
    with running(server.program, home / "server.log", stop_signal=signal.SIGINT):
        wait_until(lambda: answers(server.url), "PostgreSQL's start")
        made = Cluster(server, count(1))
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(migrate.upgrade(made.url(TEMPLATE)))
        yield made
