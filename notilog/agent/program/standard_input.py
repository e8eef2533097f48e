"""What another program writes into the agent's standard input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from notilog.agent.program.pipes import PipeLines
from notilog.agent.program.records import LONGEST_LINE, Stamper

STDIN: Final = 0


@dataclass(frozen=True, slots=True)
class Place:
    """The project and the module of the lines."""

    project: str
    module: str


class StandardInput:
    """Lines of a pipe; what was read but not spooled when the agent is killed cannot be had again.

    Args:
        place: of the lines.
        stamper: makes records of them.
        descriptor: of the pipe.
    """

    def __init__(self, place: Place, stamper: Stamper, descriptor: int = STDIN) -> None:
        self._place = {"level": "info", "project": place.project, "module": place.module}
        self._stamper = stamper
        self._lines = PipeLines(descriptor)
        self._held: bytes | None = None

    @property
    def is_over(self) -> bool:
        """Whether the other program has ended, and all it wrote is added."""
        return self._lines.is_over and self._held is None

    def read(self, add: Callable[[bytes], bool], most: int) -> int:
        """Add lines until none is left or ``add`` refuses; how many were added."""
        added = 0
        while added < most:
            if self._held is None:
                self._held = self._next()
            if self._held is None or not add(self._held):
                break
            self._held = None
            added += 1
        return added

    def _next(self) -> bytes | None:
        while (line := self._lines.take()) is not None:
            if line:
                cut = len(line) > LONGEST_LINE
                return self._stamper.record(line, self._place, attrs={}, is_cut=cut)
        return None


def place_of(text: str) -> Place:
    """``project/module`` of the command line.

    Raises:
        ValueError: it is not of this form.
    """
    project, slash, module = text.partition("/")
    if not (project and slash and module) or max(len(project), len(module)) > 200:  # noqa: PLR2004
        raise ValueError("--stdin: project/module is expected")
    return Place(project, module)
