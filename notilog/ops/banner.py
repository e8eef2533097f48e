"""What `notilog up` says when everything runs: where it is, and passwords made just now."""

from dataclasses import dataclass

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from notilog.fallbacks import Fallback

WIDTH = 200


@dataclass(frozen=True, slots=True)
class Ready:
    """A running platform, as far as its user needs to know."""

    api: str
    flower: str
    flower_login: str
    flower_password: str | None
    admin_password: str | None
    fallbacks: tuple[Fallback, ...]
    celery: str
    seconds: float


def first_login(password: str) -> str:
    """The line that shows a password as soon as it exists, whatever happens afterwards."""
    return f"login admin, password {password} (shown this once)"


def banner(console: Console, ready: Ready) -> None:
    """Print it; passwords appear only at the start that made them."""
    table = Table.grid(padding=(0, 2))
    table.add_row("API", f"{ready.api}/api/v1")
    table.add_row("Documentation", f"{ready.api}/docs")
    table.add_row("Flower", ready.flower)
    if ready.flower_password is not None:
        table.add_row("", f"login {ready.flower_login}, password {ready.flower_password}")
    if ready.admin_password is not None:
        table.add_row("Administrator", "login admin")
        table.add_row("", Text(f"password {ready.admin_password}", style="bold yellow"))
        table.add_row("", "(shown this once; another: `notilog user password admin`)")
    table.add_row("Celery", ready.celery)
    for fallback in ready.fallbacks:
        table.add_row("Warning", Text(str(fallback), style="yellow"))
    table.add_row("Stop", "Ctrl-C, or `notilog down`")
    title = f"NotiLog is ready after {ready.seconds:.1f} s"
    # A password must stay on its line, to be copied, however narrow the terminal is said to be.
    wide = Console(file=console.file, force_terminal=console.is_terminal, width=WIDTH)
    wide.print(Panel(table, title=title, border_style="green", expand=False))
