"""Why a calendar file is refused, and where. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from notilog.errors import FieldError, Invalid

# The first problems say enough; a file in another format would have one on each line.
MOST_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong; ``line`` is the line of the file as an editor counts them, from 1."""

    line: int
    reason: str


class MalformedCalendar(Invalid):
    """The file is not a calendar that can be read; ``problems`` are sorted by line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))[:MOST_PROBLEMS]
        super().__init__(
            [FieldError(f"line {problem.line}", problem.reason) for problem in self.problems]
        )

    @classmethod
    def at(cls, line: int, reason: str) -> "MalformedCalendar":
        return cls([Problem(line, reason)])
