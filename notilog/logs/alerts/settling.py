"""Counting hits in one transaction, each batch once, and deciding what is said because of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock, config
from notilog.db.session import transaction
from notilog.logs.alerts import measures, states
from notilog.logs.alerts.counting import State, advance
from notilog.logs.alerts.hits import Hit
from notilog.logs.alerts.matching import Rule
from notilog.logs.alerts.sayings import Saying
from notilog.logs.alerts.settings import AlertsSettings
from notilog.logs.alerts.states import Group, Moved
from notilog.logs.alerts.tables import AlertBatchRow, AlertRuleRow
from notilog.logs.alerts.telling import tell

TRIES: Final = 5
MOST_AT_ONCE: Final = 1000


class RuleChanged(Exception):
    """A rule is not as it was when the records were looked at."""


async def settle(hits: Sequence[Hit], rules: Mapping[UUID, Rule]) -> None:
    """Count the hits of the batches that were not counted before; wakes the channels it needs.

    Raises:
        RuleChanged: find the hits anew.
        Moved: groups end faster than they are held.
    """
    for tried in range(TRIES):
        try:
            async with transaction() as tx:
                fresh = await _not_counted(tx, hits)
                said = await _counted(tx, fresh, rules) if fresh else []
        except Moved:
            if tried == TRIES - 1:
                raise
        else:
            measures.MATCHES.add(amount=sum(hit.matched for hit in fresh))
            measure(said)
            return


def measure(said: Iterable[Saying]) -> None:
    """Count what was decided to be said."""
    now = clock.now()
    for saying in said:
        measures.MESSAGES.add(saying.verdict.said)
        if saying.verdict.said in {"matched", "back"}:
            measures.DECIDED.observe((now - saying.verdict.at).total_seconds())


async def _counted(
    tx: AsyncSession, hits: Sequence[Hit], rules: Mapping[UUID, Rule]
) -> list[Saying]:
    await _hold_rules(tx, {hit.group[0] for hit in hits}, rules)
    since = {hit.group: hit.at for hit in reversed(hits)}
    most = config.section(AlertsSettings).groups
    found = await states.held(tx, since, rules=rules, most=most)
    current: dict[Group, State] = dict(found.values())
    said: list[Saying] = []
    for hit in hits:
        holder, _ = found[hit.group]
        rule = rules[holder[0]]
        current[holder], told = advance(
            current[holder], rule, matched=hit.matched, line=hit.line, now=hit.at
        )
        said += [Saying(rule, holder[1], verdict) for verdict in told]
    await states.write(tx, dict(current))
    await tell(tx, said)
    return said


async def _not_counted(tx: AsyncSession, hits: Sequence[Hit]) -> list[Hit]:
    """The hits of batches that are new; who counts the same ones waits here.

    The order is the same for everybody, so that two of them never wait for each other.
    """
    listed, new = sorted({hit.batch_id for hit in hits}), set[UUID]()
    for first in range(0, len(listed), MOST_AT_ONCE):
        rows = [{"id": batch_id} for batch_id in listed[first : first + MOST_AT_ONCE]]
        statement = insert(AlertBatchRow).on_conflict_do_nothing().values(rows)
        new.update(await tx.scalars(statement.returning(AlertBatchRow.id)))
    return [hit for hit in hits if hit.batch_id in new]


async def _hold_rules(tx: AsyncSession, wanted: set[UUID], rules: Mapping[UUID, Rule]) -> None:
    """Keep the rules from being changed until the end of the transaction.

    Raises:
        RuleChanged: one of them was, or is enabled no more.
    """
    found = await tx.execute(
        select(AlertRuleRow.id, AlertRuleRow.version)
        .where(AlertRuleRow.id.in_(wanted), AlertRuleRow.enabled)
        .order_by(AlertRuleRow.id)
        .with_for_update(key_share=True, read=True)
    )
    if {(row.id, row.version) for row in found} != {(id_, rules[id_].version) for id_ in wanted}:
        raise RuleChanged
