"""One line of the table that `make bench` prints."""

from dataclasses import dataclass


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
