"""The enabled rules as this process knows them: compiled once, and read again when one changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.db.session import asking
from notilog.errors import Invalid
from notilog.logs.alerts.drafts import RuleDraft, rule_of
from notilog.logs.alerts.matching import Record, Rule, concerns
from notilog.logs.alerts.tables import AlertRuleRow

log = structlog.get_logger(__name__)

LOOKED_AT_EVERY: Final = 0.5
"""Seconds for which what is known is believed to be all."""
MOST_ORIGINS: Final = 10_000
_Origin = tuple[int, str, str]
_Edition = tuple[object, ...]

# Whatever is added, changed or taken away, at least one of these differs.
_EDITION: Final = select(
    func.count(), func.sum(AlertRuleRow.version), func.max(AlertRuleRow.updated_at)
)


def draft_of(row: AlertRuleRow) -> RuleDraft:
    """What a stored rule says."""
    return RuleDraft(
        **{name: getattr(row, name) for name in RuleDraft.__dataclass_fields__},
    )


def compiled(row: AlertRuleRow) -> Rule:
    """The rule of a row.

    Raises:
        Invalid: another version stored it, which understood more.
    """
    return rule_of(draft_of(row), rule_id=row.id, version=row.version)


@dataclass(frozen=True, slots=True)
class Book:
    """Rules by the origin of the records that they can match."""

    rules: dict[UUID, Rule]
    _by_origin: dict[_Origin, tuple[Rule, ...]] = field(default_factory=dict)

    def concerned(self, record: Record) -> tuple[Rule, ...]:
        """The rules that may look for this record; whether they do is left to `says`."""
        origin = (record.level, record.project, record.module)
        known = self._by_origin.get(origin)
        return self._concerned(origin) if known is None else known

    def _concerned(self, origin: _Origin) -> tuple[Rule, ...]:
        level, project, module = origin
        found = tuple(
            rule
            for rule in self.rules.values()
            if concerns(rule, level=level, project=project, module=module)
        )
        if len(self._by_origin) < MOST_ORIGINS:
            self._by_origin[origin] = found
        return found


class Rulebook:
    """Keeps a `Book` up to date."""

    def __init__(self) -> None:
        self._book = Book({})
        self._edition: _Edition | None = None
        self._looked_at = -LOOKED_AT_EVERY

    async def current(self) -> Book:
        """Every enabled rule as it was at most half a second ago."""
        if monotonic() - self._looked_at < LOOKED_AT_EVERY:
            return self._book
        async with asking(primary=True) as tx:
            edition = tuple((await tx.execute(_EDITION)).one())
            if edition != self._edition:
                self._book = Book(await read(tx))
                self._edition = edition
        self._looked_at = monotonic()
        return self._book

    def outdated(self) -> None:
        """A rule was found to have changed: look before anything else is done."""
        self._looked_at, self._edition = -LOOKED_AT_EVERY, None


async def read(tx: AsyncSession, only: Sequence[UUID] | None = None) -> dict[UUID, Rule]:
    """The enabled rules, or those of them that are named; one that is wrong is left out."""
    statement = select(AlertRuleRow).where(AlertRuleRow.enabled)
    if only is not None:
        statement = statement.where(AlertRuleRow.id.in_(only))
    found: dict[UUID, Rule] = {}
    for row in (await tx.scalars(statement)).all():
        try:
            found[row.id] = compiled(row)
        except Invalid as error:
            log.warning("alert_rule_not_understood", rule=str(row.id), reason=str(error))
    return found
