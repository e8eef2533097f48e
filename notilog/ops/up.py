"""`notilog up`: the whole platform as one foreground group of supervised programs.

Embedded PostgreSQL and Redis stand in for the servers that no setting names; then come the
migrations, the first account, and the services of ``services.py``.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from rich.console import Console

from notilog import config, log_output, settings, sources
from notilog.db import migrate
from notilog.errors import Unavailable
from notilog.ops import probes
from notilog.ops.accounts import ensure_first_admin
from notilog.ops.banner import Ready, banner, first_login
from notilog.ops.embedded import Postgres, Redis, prepare_postgres, prepare_redis
from notilog.ops.ports import PortUnusable, check_free
from notilog.ops.readiness import (
    announcements,
    api_is_ready,
    postgres_answers,
    redis_answers,
    until,
)
from notilog.ops.services import WORKERS, services
from notilog.ops.state import held, kept_secret, remember
from notilog.ops.supervisor import Child, Supervisor
from notilog.working import FlowerSettings, WorkerSettings

log = structlog.get_logger(__name__)

# A service manager or a person gives up after ten seconds. The deadlines below count from the
# request to stop, so that one part that hangs takes nothing from the next; each part that has to
# be ended by force takes LAST_WORDS of the supervisor's more.
FRONT_LEAD = 1.0
FRONT_DEADLINE = 2.5
WORKER_RELEASE = 2.2
"""What a worker needs after its grace to let go of what it holds."""
SERVERS_TIME = 1.3
FRONT = ("beat", "flower", "api")
AFTER_WORKERS = ("beat", "flower")
"""They speak to the workers, and would only take the time of processors from them before."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    state: Path
    host: str
    port: int
    flower_port: int


@dataclass(frozen=True, slots=True)
class Servers:
    """The embedded servers that this start needs, and the settings that lead to them."""

    postgres: Postgres | None
    redis: Redis | None
    assumed: Mapping[str, str]


def up(options: Options, console: Console) -> None:
    """Run the platform until SIGINT, SIGTERM or SIGHUP.

    Raises:
        NotilogError: it cannot be started; nothing was, or all of it is stopped again.
    """
    started = time.monotonic()
    with held(options.state):
        _check_ports(options)
        servers = _prepare(options.state)
        loaded = settings.load(assumed=servers.assumed)
        log_output.configure(loaded, process="up")
        asyncio.run(_Platform(options, servers, loaded, console, started).run())


def _check_ports(options: Options) -> None:
    if options.port == options.flower_port:
        raise PortUnusable(f"--port and --flower-port are both {options.port}")
    check_free(options.host, options.port, option="--port")
    check_free(options.host, options.flower_port, option="--flower-port")


def _prepare(state: Path) -> Servers:
    unset = settings.unset()
    assumed = {}
    postgres = redis = None
    if "database_url" in unset:
        postgres = prepare_postgres(state / "postgres")
        assumed["NOTILOG_DATABASE_URL"] = postgres.url
        assumed["NOTILOG_LOGS__DISK_FOLDER"] = str(state.absolute())
        # Beside a database of the user's own, every machine needs the same key: theirs to name.
        if "secret_key" in unset:
            assumed["NOTILOG_SECRET_KEY"] = kept_secret(state / "secret-key")
    if "redis_url" in unset:
        redis = prepare_redis(state / "redis")
        assumed["NOTILOG_REDIS_URL"] = redis.url
    return Servers(postgres, redis, assumed)


@dataclass(frozen=True, slots=True)
class Later:
    """What starts once the workers take tasks, and Flower's password if it was made just now."""

    children: tuple[Child, ...]
    flower_password: str | None


@dataclass(slots=True)
class _Platform:
    options: Options
    servers: Servers
    settings: config.Settings
    console: Console
    started: float
    supervisor: Supervisor = field(init=False)
    stop_asked: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(_to_stdout, self.console.is_terminal)

    async def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._ask_to_stop)
        starting = asyncio.create_task(self._start())
        asked = asyncio.create_task(self.stop_asked.wait())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await asked
        finally:
            asked.cancel()
            starting.cancel()
            await self._stop()
            await asyncio.gather(starting, return_exceptions=True)

    def _ask_to_stop(self) -> None:
        if self.stop_asked.is_set():
            self.supervisor.kill()
        self.stop_asked.set()

    async def _start(self) -> None:
        await self._check_named_servers()
        remember(self.options.state, self.servers.assumed)
        await self._start_servers()
        url = self.settings.core.database_url.get_secret_value()
        before, after = await migrate.upgrade(url)
        if before != after:
            log.info("database_migrated", before=before, after=after)
        admin_password = await ensure_first_admin(self.settings)
        if admin_password is not None:  # what follows may fail
            self.console.print(first_login(admin_password), highlight=False, soft_wrap=True)
        with announcements() as announced:
            later = self._start_services(announced.path)
            host, port = _reachable(self.options.host), self.options.port
            await until(lambda: api_is_ready(host, port), "the API's start")
            await announced.of_workers(WORKERS)
        for child in later.children:
            self.supervisor.start(child)
        ready = Ready(
            api=f"http://{_in_url(host)}:{port}",
            flower=f"http://{_in_url(host)}:{self.options.flower_port}",
            flower_login=self.settings.section(FlowerSettings).login,
            flower_password=later.flower_password,
            admin_password=admin_password,
            fallbacks=self.settings.fallbacks,
            celery=f"{sources.STATE_DIR}={self.options.state} celery -A workers.app …",
            seconds=time.monotonic() - self.started,
        )
        banner(self.console, ready)

    async def _check_named_servers(self) -> None:
        """Refuse to start beside a server that is named and does not answer."""
        core = self.settings.core
        findings = []
        if self.servers.postgres is None:
            # The last finding judges all hosts together: a missing replica is no hindrance.
            findings += (await probes.database(core.database_url.get_secret_value()))[-1:]
        if self.servers.redis is None:
            url = core.redis_url.get_secret_value()
            findings.append(await probes.redis(url, setting="NOTILOG_REDIS_URL"))
        if core.broker_url is not None:
            findings.append(await probes.broker(core.broker_url.get_secret_value()))
        for finding in findings:
            if finding.state == "broken":
                raise Unavailable(finding.line)

    async def _start_servers(self) -> None:
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        postgres, redis = self.servers.postgres, self.servers.redis
        if redis is not None:
            self.supervisor.start(
                Child("redis", redis.program.command, "red", environment, longest_pause=3)
            )
        if postgres is not None:
            self.supervisor.start(
                Child(
                    "postgres",
                    postgres.program.command,
                    "bright_blue",
                    environment,
                    user=postgres.program.user,
                    longest_pause=3,
                    stop_signal=signal.SIGINT,
                    orphan_signal=signal.SIGINT,
                )
            )
            await until(lambda: postgres_answers(postgres.url), "PostgreSQL's start")
        if redis is not None:
            await until(lambda: redis_answers(redis.url), "Redis's start")

    def _start_services(self, notify_socket: str) -> Later:
        """Start the API and the workers; what speaks to the workers starts when they listen."""
        options, flower = self.options, self.settings.section(FlowerSettings)
        kept = options.state / "flower-password"
        is_new = flower.password is None and not kept.is_file()
        password = flower.password.get_secret_value() if flower.password else kept_secret(kept)
        environment = sources.environment_with(
            {**self.servers.assumed, "NOTIFY_SOCKET": notify_socket, "PYTHONUNBUFFERED": "1"}
        )
        of_flower = {**environment, "FLOWER_BASIC_AUTH": f"{flower.login}:{password}"}
        table = services(host=options.host, port=options.port, flower_port=options.flower_port)
        later: list[Child] = []
        for name, service in table.items():
            command = (sys.executable, *service.command[1:])
            its_own = of_flower if name == "flower" else environment
            child = Child(name, command, service.colour, its_own)
            if name in AFTER_WORKERS:
                later.append(child)
            else:
                self.supervisor.start(child)
        return Later(tuple(later), password if is_new else None)

    async def _stop(self) -> None:
        """The front first, so that nothing new comes in; the servers when nobody needs them."""
        begun = time.monotonic()
        grace = self.settings.section(WorkerSettings).shutdown_grace
        workers_by = begun + FRONT_LEAD + grace + WORKER_RELEASE
        front = asyncio.create_task(self.supervisor.stop(*FRONT, by=begun + FRONT_DEADLINE))
        await asyncio.wait({front}, timeout=FRONT_LEAD)
        await self.supervisor.stop(*(f"worker-{name}" for name in WORKERS), by=workers_by)
        await front
        await self.supervisor.stop("redis", "postgres", by=workers_by + SERVERS_TIME)


def _reachable(host: str) -> str:
    """Where to reach what listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _to_stdout(lines: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more; the platform runs on
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
