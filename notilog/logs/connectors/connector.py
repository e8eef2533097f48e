"""What every connector is: something done with batches after the store has committed them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol
from uuid import UUID

import structlog

from notilog.config import Section
from notilog.logs.rows import split
from notilog.logs.stored import StoredRecord, records_in

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Handed:
    """A batch that is stored; ``accepted_at`` is when the broker had it."""

    id: UUID
    accepted_at: datetime
    rows: bytes

    @cached_property
    def records(self) -> list[StoredRecord]:
        """Its records, read once for all connectors; none when the rows are damaged."""
        try:
            return records_in(self.rows)
        except ValueError as error:  # the store has kept them as they are
            log.warning("log_batch_damaged", batch=str(self.id), reason=str(error))
            return []

    def part(self, places: Collection[int]) -> "Handed":
        """The batch with only the records at these places."""
        rows = [row for place, row in enumerate(split(self.rows)) if place in places]
        return Handed(self.id, self.accepted_at, b"".join(rows))


class NotTaken(Exception):
    """A connector has taken all but the ``rest``."""

    def __init__(self, reason: str, rest: Sequence[Handed]) -> None:
        super().__init__(reason)
        self.rest = rest


class Connector(Protocol):
    """One connector of this process. After a crash it may be given again what it has taken."""

    async def take(self, batches: Sequence[Handed]) -> None:
        """Do it, on the worker's loop.

        Raises:
            NotTaken: a part of it could not be done.
            Exception: nothing of it could be done.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A connector as the registry knows it; ``make`` is called once a process, on its loop.

    A ``durable`` one is given again what it failed to take.
    """

    label: str
    settings: type[Section]
    make: Callable[[], Connector]
    durable: bool = False
