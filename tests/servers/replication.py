"""A primary and its streaming replica, each a real PostgreSQL that can be killed by itself."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from notilog.ops.embedded import Postgres, as_account, prepare_postgres
from tests.servers.postgres import answers
from tests.servers.process import end, running, wait_until
from tests.servers.rabbitmq import free_port


@dataclass(frozen=True, slots=True)
class Host:
    """One running server of the pair."""

    server: Postgres
    process: "subprocess.Popen[bytes]"

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def kill(self) -> None:
        end(self.process, signal.SIGKILL)

    def promote(self) -> None:
        self.tell("SELECT pg_promote()")

    def tell(self, statement: str) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(statement.encode())


@dataclass(frozen=True, slots=True)
class Pair:
    primary: Host
    replica: Host

    @property
    def url(self) -> str:
        """Both hosts in one URL, the replica first, since order must not matter."""
        parts = urlsplit(self.primary.server.url)
        credentials = parts.netloc.rpartition("@")[0]
        hosts = f"{self.replica.netloc},{self.primary.netloc}"
        return f"postgresql://{credentials}@{hosts}{parts.path}"


@contextmanager
def pair(home: Path) -> Iterator[Pair]:
    primary = prepare_postgres(home / "primary")
    with _run(primary, home) as first:
        replica = replace(primary, home=home / "replica", port=free_port())
        _copy(primary, replica)
        with _run(replica, home) as second:
            yield Pair(Host(primary, first), Host(replica, second))


@contextmanager
def _run(server: Postgres, home: Path) -> "Iterator[subprocess.Popen[bytes]]":
    log = home / f"{server.home.name}.log"
    with running(server.program, log, stop_signal=signal.SIGINT) as process:
        wait_until(lambda: answers(server.url), f"the start of the {server.home.name}")
        yield process


def _copy(primary: Postgres, replica: Postgres) -> None:
    """Make the replica's data from the primary's, to follow it from then on (``-R``)."""
    replica.home.mkdir()
    if replica.user:
        os.chown(replica.home, pwd.getpwnam(replica.user).pw_uid, -1)
    subprocess.run(
        (
            *(str(primary.bin_path / "pg_basebackup"), "-R", "-X", "stream", "-c", "fast"),
            *("-h", "127.0.0.1", "-p", str(primary.port), "-U", "notilog"),
            *("-D", str(replica.data)),
        ),
        check=True,
        cwd="/",
        env={"PATH": os.defpath, "PGPASSWORD": primary.password},
        **as_account(replica.user),
    )
