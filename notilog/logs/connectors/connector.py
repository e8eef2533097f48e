"""What every connector is: something done with batches after the store has committed them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol
from uuid import UUID

from notilog.config import Section
from notilog.logs.stored import StoredRecord, records_in


@dataclass(frozen=True)
class Handed:
    """A batch that is stored; ``accepted_at`` is when the broker had it."""

    id: UUID
    accepted_at: datetime
    rows: bytes

    @cached_property
    def records(self) -> list[StoredRecord]:
        """Its records, read once for all connectors.

        Raises:
            ValueError: the rows are damaged.
        """
        return records_in(self.rows)


class Connector(Protocol):
    """One connector of this process.

    ``durable`` ones are given again what they failed to take; after a crash all of them may be.
    """

    durable: bool

    async def take(self, batches: Sequence[Handed]) -> None:
        """Do it, on the worker's loop; raises, whatever it may be, when it could not be done."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A connector as the registry knows it; ``make`` is called once a process, on its loop."""

    label: str
    settings: type[Section]
    make: Callable[[], Connector]
