"""A batch of lines as it is kept and sent."""

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines, compressed.

    ``key`` names them for ever: whatever is sent again under it is stored once.
    """

    key: str
    records: int
    body: bytes


class Claim(Protocol):
    """A batch that nobody else sends meanwhile."""

    @property
    def batch(self) -> Batch: ...

    def done(self) -> None:
        """Forget the batch: it is stored, or never can be."""

    def release(self) -> None:
        """Keep the batch for later, or for somebody else."""


def batch_of(lines: Sequence[bytes]) -> Batch:
    """The lines as a new batch."""
    body = gzip.compress(b"\n".join(lines) + b"\n", _LEVEL, mtime=0)
    return Batch(uuid4().hex, len(lines), body)


def halves(batch: Batch) -> tuple[Batch, ...]:
    """A batch as two smaller ones, always the same two; none when it cannot be divided."""
    try:
        lines = gzip.decompress(batch.body).splitlines(keepends=True)
    except (OSError, EOFError, zlib.error):  # damaged on the disk
        return ()
    middle = len(lines) // 2
    if not middle:
        return ()
    return _part(batch, "a", lines[:middle]), _part(batch, "b", lines[middle:])


def _part(batch: Batch, name: str, lines: Sequence[bytes]) -> Batch:
    body = gzip.compress(b"".join(lines), _LEVEL, mtime=0)
    return Batch(batch.key + name, len(lines), body)
