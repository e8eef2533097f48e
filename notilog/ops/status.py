"""`notilog status`: how the platform is, on one screen."""

from datetime import datetime
from typing import Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from notilog import clock
from notilog.config import Settings
from notilog.db.session import asking
from notilog.health import report
from notilog.health.judging import BEAT_LATE, LATE, Seen, complaints
from notilog.logs import room
from notilog.observers import measures as observers
from notilog.ops.database import database
from notilog.queues import QUEUES

GOOD: Final = "green"
BAD: Final = "bold red"
QUIET: Final = "dim"


async def status(settings: Settings, console: Console) -> bool:
    """Print it; whether all is well.

    Raises:
        Unavailable: the database does not answer.
    """
    async with database(settings):
        await room.look()
        async with asking(primary=True) as tx:
            seen = await report.seen(tx, clock.now())
            states = await observers.by_state(tx)
    found = complaints(seen, queues=QUEUES)
    console.print(Group(_processes(seen), _queues(seen), _observers(states), _verdict(found)))
    return not found


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


def _observers(states: dict[str, int]) -> Text:
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return Text(f"Observers: {told or 'none'}")


def _verdict(found: list[str]) -> Text:
    if not found:
        return Text("All is well.", GOOD)
    return Text("\n".join(f"• {problem}" for problem in found), BAD)
