"""`notilog status`: how the platform is, on one screen."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from notilog import clock
from notilog.agents import registry as agents
from notilog.config import Core, Settings
from notilog.db.session import asking
from notilog.health import report
from notilog.health.judging import BEAT_LATE, LATE, Host, Seen, complaints
from notilog.logs import room
from notilog.logs.limits import MIB
from notilog.logs.room import Room
from notilog.observers import measures as observers
from notilog.ops import probes
from notilog.ops.database import database
from notilog.ops.doctor import COLOURS
from notilog.ops.probes import Finding
from notilog.queues import QUEUES

GOOD: Final = "green"
BAD: Final = "bold red"
QUIET: Final = "dim"


@dataclass(frozen=True, slots=True)
class _Servers:
    """What was found out just now: of broker and Redis by name, and of each database host."""

    findings: Mapping[str, Finding]
    hosts: Sequence[Host]

    @property
    def failing(self) -> list[str]:
        return [name for name, found in self.findings.items() if found.state == "broken"]


async def status(settings: Settings, console: Console) -> bool:
    """Print it; whether all is well.

    Raises:
        Unavailable: the database does not answer.
    """
    async with database(settings):
        servers = await _probed(settings.core)
        left = await room.look()
        async with asking(primary=True) as tx:
            seen = await report.seen(
                tx, clock.now(), failing=servers.failing, of_database=servers.hosts
            )
            of_observers = await observers.by_state(tx)
            of_agents = await agents.by_state(tx)
    found = complaints(seen, queues=QUEUES)
    beside = Group(
        _database(seen),
        *_of_servers(servers),
        _states("Observers", of_observers, bad="failed"),
        _states("Agents", of_agents, bad="offline"),
        _disk(left),
    )
    both = Table.grid(padding=(0, 1))
    both.add_row(_queues(seen), beside)
    console.print(_processes(seen), both, _verdict(found))
    return not found


async def _probed(core: Core) -> _Servers:
    redis, broker, hosts = await asyncio.gather(
        probes.redis(core.redis_url.get_secret_value(), setting="NOTILOG_REDIS_URL"),
        probes.broker(core.broker),
        probes.database_hosts(core.database_url.get_secret_value()),
    )
    return _Servers(
        {"broker": broker, "redis": redis},
        [Host(host.name, host.role) for host in hosts],
    )


def _processes(seen: Seen) -> Table:
    table = Table(title="Processes", title_justify="left")
    for column in ("what", "queues", "tasks", "last sign"):
        table.add_column(column, overflow="fold")
    for worker in seen.workers:
        table.add_row(
            worker.name,
            ", ".join(worker.queues),
            f"{worker.running} of {worker.limit}",
            _ago(seen, worker.at),
        )
    for name, at in seen.nodes.items():
        table.add_row(f"api {name}", "", "", _ago(seen, at))
    if not seen.nodes:
        table.add_row("api", "", "", Text("never", BAD))
    beat = Text("never", BAD) if seen.beat_at is None else _ago(seen, seen.beat_at)
    table.add_row("beat", "", "", beat)
    return table


def _ago(seen: Seen, at: datetime) -> Text:
    age = seen.now - at
    return Text(f"{age.total_seconds():.0f} s ago", GOOD if age <= max(LATE, BEAT_LATE) else BAD)


def _queues(seen: Seen) -> Table:
    table = Table(title="Waiting", title_justify="left")
    table.add_column("queue")
    table.add_column("messages", justify="right")
    for name, count in seen.waiting.items():
        table.add_row(name, Text(str(count), "" if count else QUIET))
    return table


def _database(seen: Seen) -> Table:
    """Its hosts, and how many connections all processes together have in use at each."""
    table = Table(title="Database", title_justify="left")
    for column in ("host", "role", "connections"):
        table.add_column(column, overflow="fold")
    for host in seen.hosts:
        role = Text("does not answer", BAD) if host.role is None else Text(host.role, GOOD)
        told = [one for pool in seen.pools.values() for one in pool if one.name == host.name]
        used, most = sum(one.used for one in told), sum(one.most for one in told)
        table.add_row(host.name, role, f"{used} of {most}" if told else Text("not known", QUIET))
    return table


def _of_servers(servers: _Servers) -> list[Text]:
    return [
        Text(f"{name.capitalize()}: ").append(found.found, COLOURS[found.state])
        for name, found in servers.findings.items()
    ]


def _states(what: str, states: Mapping[str, int], *, bad: str) -> Text:
    line = Text(f"{what}: ")
    told = [
        Text(f"{count} {state}", BAD if state == bad else "")
        for state, count in sorted(states.items())
    ]
    return line + (Text(", ").join(told) if told else Text("none", QUIET))


def _disk(left: Room) -> Text:
    free = "free space not known" if left.free is None else f"{left.free // MIB} MiB free"
    taken = Text(f"{left.taken} is taken", GOOD if left.taken == "everything" else BAD)
    return Text(f"Disk: {free}, ") + taken


def _verdict(found: list[str]) -> Text:
    if not found:
        return Text("All is well.", GOOD)
    return Text("\n".join(f"• {problem}" for problem in found), BAD)
