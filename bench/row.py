"""One line of the table that `make bench` prints."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Row:
    """Ours and a limit or peer that was measured in the same run; ``ratio`` is what counts."""

    what: str
    ours: float
    unit: str
    peer_name: str
    peer: float
    ratio: float
    target: str
    met: bool

    @classmethod
    def at_most(cls, what: str, ours: float, unit: str, *, most: float) -> Self:
        """Without a peer: ours is to be at most so much."""
        return cls(what, ours, unit, "", 0, 0, f"<= {most:g} {unit}", ours <= most)
