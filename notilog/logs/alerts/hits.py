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
from notilog.logs.alerts.states import OTHER, Group

log = structlog.get_logger(__name__)

PATIENCE: Final = 1.0
"""Seconds that one rule may search in what is taken at once."""
ALTOGETHER: Final = 4.0
"""Seconds that all rules together may."""
MOST_GROUPS: Final = 1_000
"""Groups of one rule in what is taken at once; the others are one."""


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
        found += _in_batch(batch, book, searches)
    return found


class _Searches:
    """What each rule costs: nobody's rules may take long, or find more groups than can be told."""

    def __init__(self) -> None:
        self._spent: defaultdict[UUID, float] = defaultdict(float)
        self._groups: defaultdict[UUID, set[str]] = defaultdict(set)
        self._total = 0.0

    def group(self, rule: Rule, record: Record) -> str | None:
        """The group of a record that the rule is about, until the rule has used up its time."""
        if self._spent[rule.id] > PATIENCE or self._total > ALTOGETHER:
            return None
        began = perf_counter()
        found = fingerprint(rule, record) if says(rule, record) else None
        self._count(rule, perf_counter() - began)
        if found is None:
            return None
        groups = self._groups[rule.id]
        if found not in groups and len(groups) >= MOST_GROUPS:
            return OTHER
        groups.add(found)
        return found

    def _count(self, rule: Rule, seconds: float) -> None:
        self._spent[rule.id] += seconds
        self._total += seconds
        if self._spent[rule.id] > PATIENCE:
            log.warning("alert_rule_searches_too_long", rule=str(rule.id))
        elif self._total > ALTOGETHER:
            log.warning("alert_rules_search_too_long")


def _in_batch(batch: Batch, book: Book, searches: _Searches) -> list[Hit]:
    hits: dict[Group, Hit] = {}
    for record in batch.records:
        for rule in book.concerned(record):
            found = searches.group(rule, record)
            if found is None:
                continue
            group = (rule.id, found)
            hit = hits.get(group)
            if hit is None:
                hit = hits[group] = Hit(group, batch.id, batch.accepted_at, excerpt(record))
            hit.matched += 1
    return list(hits.values())


def _accepted(batch: Batch) -> tuple[datetime, UUID]:
    return batch.accepted_at, batch.id
