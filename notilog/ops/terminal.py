"""What all commands share: where they print, how they refuse, and the settings they load."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from notilog import log_output, settings, sources
from notilog.config import Settings
from notilog.errors import NotilogError
from notilog.logs.escapes import safe

StateDir = Annotated[
    Path, typer.Option(envvar=sources.STATE_DIR, help="Where `notilog up` keeps its data.")
]
STATE = Path("state")

out = Console()
err = Console(stderr=True)


def loaded(state: Path) -> Settings:
    """The settings, with those that `up` made up for its embedded servers."""
    return settings.load(assumed=sources.assumed(state))


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what was refused into one line in red and exit code 1."""
    try:
        yield
    except ValidationError as error:
        reasons = (f"{_field(detail['loc'])}: {detail['msg']}" for detail in error.errors())
        _refuse("; ".join(reasons), error)
    except NotilogError as error:
        _refuse(str(error), error)


def _refuse(reason: str, error: Exception) -> NoReturn:
    line = " ".join(log_output.masked(reason).split())
    err.print(Text(f"notilog: {safe(line)}", style="bold red"), soft_wrap=True)
    raise typer.Exit(1) from error


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
