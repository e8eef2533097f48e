"""Rules, batches that are handed to the connector, and what people were told."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from uuid_utils.compat import uuid7

from notilog import clock
from notilog.db.session import transaction
from notilog.logs import partitions, store
from notilog.logs.alerts import rules
from notilog.logs.alerts.drafts import RuleDraft
from notilog.logs.alerts.rules import Addressee
from notilog.logs.alerts.tables import AlertStateRow
from notilog.logs.connectors.connector import Handed
from notilog.logs.intake import Sent, accept
from notilog.notifications.tables import DeliveryRow
from notilog.users.caller import Caller
from tests.integration.log_traffic import record


def handed(
    *records: dict[str, Any], at: datetime | None = None, batch_id: UUID | None = None
) -> Handed:
    """A batch as the store hands it on."""
    now = at or clock.now()
    batch = accept(Sent(json.dumps(records).encode()), now=now, batch_id=batch_id or uuid7())
    assert not batch.rejects, batch.rejects
    return Handed(batch.id, now, batch.rows)


def failure(message: str = "order 18 refused", **fields: Any) -> dict[str, Any]:
    return record(message, **{"level": "error", **fields})


async def stored(*records: dict[str, Any]) -> None:
    """Records in the database, of which no connector has heard."""
    now = clock.now()
    await partitions.ensure(now)
    async with transaction() as tx:
        await store.keep(tx, [accept(Sent(json.dumps(records).encode()), now=now)])


async def make_rule(
    caller: Caller, *told: Addressee, now: datetime | None = None, **fields: Any
) -> UUID:
    draft = RuleDraft(**{"name": "Refused", "min_level": "error", **fields})
    async with transaction() as tx:
        made = await rules.create(
            tx, caller, draft=draft, recipients=told or None, now=now or clock.now()
        )
    return made.row.id


async def deliveries() -> Sequence[DeliveryRow]:
    """Every delivery, in the order of decision."""
    async with transaction() as tx:
        return (await tx.scalars(select(DeliveryRow).order_by(DeliveryRow.id))).all()


async def said() -> list[tuple[str, int]]:
    """What the messages say, and of how many lines."""
    return [(row.content["said"], row.content["count"]) for row in await deliveries()]


async def states() -> list[AlertStateRow]:
    statement = select(AlertStateRow).order_by(AlertStateRow.fingerprint)
    async with transaction() as tx:
        return list(await tx.scalars(statement))
