"""What happens by itself: cool-downs end, and what should have come is missing."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.db.session import transaction
from notilog.logs.alerts import rulebook, states
from notilog.logs.alerts.counting import State, tick
from notilog.logs.alerts.settling import measure
from notilog.logs.alerts.states import Group
from notilog.logs.alerts.tables import AlertBatchRow
from notilog.logs.alerts.telling import Saying, tell
from notilog.logs.limits import LogsSettings
from notilog.logs.tables import LogRetryRow

CONNECTOR: Final = "alerts"
AT_ONCE: Final = 500
_POSTPONED: Final = select(func.min(LogRetryRow.accepted_at)).where(
    LogRetryRow.connector == CONNECTOR
)


async def watch(now: datetime, *, waiting_since: datetime | None) -> None:
    """Say what is to be said by now because nothing, or nothing more, matched.

    While nobody looks at records, nothing is known to be missing; nor is it of the time after
    ``waiting_since``, when the oldest batch was accepted that is not looked at yet.
    """
    if CONNECTOR not in config.section(LogsSettings).connectors:
        return
    async with transaction() as tx:
        postponed = await tx.scalar(_POSTPONED)
    known_until = min(now, waiting_since or now, postponed or now)
    while await _step(known_until) == AT_ONCE:
        pass
    # As long as a batch that comes again would not be stored again.
    remembered = timedelta(days=config.section(LogsSettings).remember_batches_days)
    async with transaction() as tx:
        await tx.execute(delete(AlertBatchRow).where(AlertBatchRow.counted_at < now - remembered))


async def _step(now: datetime) -> int:
    """Look at some of the groups of which something ended; says at how many."""
    async with transaction() as tx:
        found = await states.due(tx, now, limit=AT_ONCE)
        said = await _ticked(tx, found, now) if found else []
    measure(said)
    return len(found)


async def _ticked(tx: AsyncSession, found: dict[Group, State], now: datetime) -> list[Saying]:
    rules = await rulebook.read(tx, sorted({rule_id for rule_id, _ in found}))
    said: list[Saying] = []
    after: dict[Group, State | None] = {}
    for group, state in found.items():
        rule = rules.get(group[0])
        if rule is None:  # it was disabled in between
            after[group] = None
            continue
        after[group], told = tick(state, rule, now)
        said += [Saying(rule, group[1], verdict) for verdict in told]
    await states.write(tx, after)
    await tell(tx, said)
    return said
