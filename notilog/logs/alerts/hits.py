"""What the rules found in batches: how many records of each batch and group, and one of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from notilog.logs.alerts.matching import Record, excerpt, fingerprint
from notilog.logs.alerts.rulebook import Book
from notilog.logs.alerts.states import Group

log = structlog.get_logger(__name__)


class Batch(Protocol):
    """A batch that is stored; see `notilog.logs.connectors.connector.Handed`."""

    @property
    def id(self) -> UUID: ...
    @property
    def accepted_at(self) -> datetime: ...
    @property
    def records(self) -> Sequence[Record]: ...


@dataclass(slots=True)
class Hit:
    """How many records of one batch are of one group of a rule, and the first of them."""

    group: Group
    batch_id: UUID
    at: datetime
    line: dict[str, Any]
    matched: int = 0


def hits_in(batches: Iterable[Batch], book: Book) -> list[Hit]:
    """Every hit, in the order in which the broker had the batches."""
    found: list[Hit] = []
    for batch in sorted({batch.id: batch for batch in batches}.values(), key=_accepted):
        try:
            records = batch.records
        except ValueError as error:  # the store has kept it as it is
            log.warning("alerts_skip_damaged_batch", batch=str(batch.id), reason=str(error))
            continue
        found += _in_batch(batch, records, book)
    return found


def _in_batch(batch: Batch, records: Iterable[Record], book: Book) -> list[Hit]:
    hits: dict[Group, Hit] = {}
    for record in records:
        for rule in book.matching(record):
            group = (rule.id, fingerprint(rule, record))
            hit = hits.get(group)
            if hit is None:
                hit = hits[group] = Hit(group, batch.id, batch.accepted_at, excerpt(record))
            hit.matched += 1
    return list(hits.values())


def _accepted(batch: Batch) -> tuple[datetime, UUID]:
    return batch.accepted_at, batch.id
