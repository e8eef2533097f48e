"""What happens by itself: cool-downs end, and what should have come is missing."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.db.session import transaction
from notilog.logs import progress
from notilog.logs.alerts import rulebook, states
from notilog.logs.alerts.counting import State, tick
from notilog.logs.alerts.raising import end_left, forgotten
from notilog.logs.alerts.sayings import Saying
from notilog.logs.alerts.settling import measure
from notilog.logs.alerts.states import Group
from notilog.logs.alerts.tables import AlertBatchRow, AlertRuleRow
from notilog.logs.alerts.telling import tell
from notilog.logs.limits import LogsSettings
from notilog.logs.tables import LogRetryRow

CONNECTOR: Final = "alerts"
AT_ONCE: Final = 500
_WAITS: Final = select(exists().where(AlertRuleRow.enabled, AlertRuleRow.kind == "absence"))
_POSTPONED: Final = select(func.min(LogRetryRow.accepted_at)).where(
    LogRetryRow.connector == CONNECTOR
)


async def watch(now: datetime) -> bool:
    """Say what is to be said by now because nothing, or nothing more, matched.

    While nobody looks at records, nothing is known to be missing; nor is it of the time of records
    that were accepted and are not looked at yet. Says whether any rule waits for an absence, so
    that it matters until when they are.
    """
    if CONNECTOR not in config.section(LogsSettings).connectors:
        return False
    async with transaction() as tx:
        until = await _known_until(tx, now)
        waits = bool(await tx.scalar(_WAITS))
    while await _step(now, until) == AT_ONCE:
        pass
    # As long as a batch that comes again would not be stored again.
    remembered = timedelta(days=config.section(LogsSettings).remember_batches_days)
    async with transaction() as tx:
        await tx.execute(delete(AlertBatchRow).where(AlertBatchRow.counted_at < now - remembered))
    async with transaction() as tx:
        await end_left(tx, now)
    return waits


async def _known_until(tx: AsyncSession, now: datetime) -> datetime | None:
    """Until when all records were looked at; None when that was never seen."""
    done_until = await progress.done_until(tx)
    if done_until is None:
        return None
    postponed = await tx.scalar(_POSTPONED)
    return min(now, done_until, postponed or now)


async def _step(now: datetime, known_until: datetime | None) -> int:
    """Look at some of the groups of which something ended; says at how many."""
    async with transaction() as tx:
        found = await states.due(tx, now, known_until=known_until, limit=AT_ONCE)
        said = await _ticked(tx, found, now, known_until) if found else []
    measure(said)
    return len(found)


async def _ticked(
    tx: AsyncSession, found: dict[Group, State], now: datetime, known_until: datetime | None
) -> list[Saying]:
    rules = await rulebook.read(tx, sorted({rule_id for rule_id, _ in found}))
    said: list[Saying] = []
    after: dict[Group, State | None] = {}
    given_up: list[Group] = []
    for group, state in found.items():
        rule = rules.get(group[0])
        if rule is None:  # it was disabled in between
            after[group] = None
            continue
        until = known_until if rule.kind == "absence" else now
        after[group], told = tick(state, rule, until or now)
        said += [Saying(rule, group[1], verdict) for verdict in told]
        if rule.incident and rule.kind == "absence" and after[group] is None:
            given_up.append(group)
    await states.write(tx, after)
    await tell(tx, said)
    await forgotten(tx, given_up, now=now)
    return said
