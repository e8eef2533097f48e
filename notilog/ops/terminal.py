"""What all commands share: where they print, how they refuse, and the settings they load."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from notilog import log_output, settings, sources
from notilog.config import Settings
from notilog.errors import NotilogError

StateDir = Annotated[
    Path, typer.Option(envvar=sources.STATE_DIR, help="Where `notilog up` keeps its data.")
]
STATE = Path("state")

out = Console()
err = Console(stderr=True)

# Control characters, and those that change the direction of what follows.
_UNSEEN: Final = (
    *(*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x061C),
    *(*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF),
)
_ESCAPES: Final = {
    **{code: f"\\u{code:04x}" for code in _UNSEEN},
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}


def seen(text: str) -> str:
    """The text with every character that a terminal would act on written as an escape."""
    return text.translate(_ESCAPES)


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
    err.print(Text(f"notilog: {seen(line)}", style="bold red"), soft_wrap=True)
    raise typer.Exit(1) from error


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
