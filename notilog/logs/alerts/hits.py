"""What the rules found in batches: how many records of each batch and group, and one of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from notilog.logs.alerts.matching import Record, Rule, excerpt, fingerprint, says
from notilog.logs.alerts.rulebook import Book
from notilog.logs.alerts.states import Group

log = structlog.get_logger(__name__)

PATIENCE: Final = 1.0
"""Seconds that one rule may search in what is taken at once."""


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
    searches = _Searches()
    for batch in sorted({batch.id: batch for batch in batches}.values(), key=_accepted):
        try:
            records = batch.records
        except ValueError as error:  # the store has kept it as it is
            log.warning("alerts_skip_damaged_batch", batch=str(batch.id), reason=str(error))
            continue
        found += _in_batch(batch, records, book, searches)
    return found


class _Searches:
    """How long each rule has searched: RE2 is never endless, but long texts can take it long."""

    def __init__(self) -> None:
        self._spent: defaultdict[UUID, float] = defaultdict(float)

    def says(self, rule: Rule, record: Record) -> bool:
        """As `matching.says`, until the rule has used up its time."""
        if rule.pattern is None:
            return says(rule, record)
        spent = self._spent[rule.id]
        if spent > PATIENCE:
            return False
        began = perf_counter()
        found = says(rule, record)
        self._spent[rule.id] = spent + perf_counter() - began
        if self._spent[rule.id] > PATIENCE:
            log.warning("alert_rule_searches_too_long", rule=str(rule.id))
        return found


def _in_batch(
    batch: Batch, records: Iterable[Record], book: Book, searches: _Searches
) -> list[Hit]:
    hits: dict[Group, Hit] = {}
    for record in records:
        for rule in book.concerned(record):
            if not searches.says(rule, record):
                continue
            group = (rule.id, fingerprint(rule, record))
            hit = hits.get(group)
            if hit is None:
                hit = hits[group] = Hit(group, batch.id, batch.accepted_at, excerpt(record))
            hit.matched += 1
    return list(hits.values())


def _accepted(batch: Batch) -> tuple[datetime, UUID]:
    return batch.accepted_at, batch.id
