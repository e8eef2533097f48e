"""Records that NotiLog itself writes, as observers do; taken in, stored and handed on like all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from notilog import config
from notilog.db.session import transaction
from notilog.leases import leases
from notilog.leases.leases import Lease
from notilog.logs import handing, partitions, room, store
from notilog.logs.intake import Sent, accept
from notilog.logs.limits import LogsSettings


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """A record of now."""

    level: str
    project: str
    module: str
    message: str
    attrs: dict[str, Any]


async def write(records: Sequence[OwnRecord], *, lease: Lease, now: datetime) -> None:
    """Store the records, if the lease is still held, and give them to the connectors.

    Raises:
        Fenced: it is not; nothing is stored.
        SQLAlchemyError, psycopg.Error, Unavailable: the database failed, and nothing is stored.
    """
    sent = Sent(msgspec.json.encode(records))
    floor = min(room.current().floor, room.ERRORS)  # nobody could keep errors for later
    batch = accept(sent, now=now, floor=floor)
    batch = replace(batch, rejects=batch.bad, named=False, accepted_at=now)
    await partitions.ensure(now)
    async with transaction() as tx:
        await leases.hold(tx, lease, now)
        await store.keep(tx, [batch])
    await handing.hand([batch], config.section(LogsSettings).connectors)
