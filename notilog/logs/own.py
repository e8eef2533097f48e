"""Records that NotiLog itself writes, as observers do; stored and handed on like all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from uuid_utils.compat import uuid7

from notilog import config
from notilog.db.session import transaction
from notilog.leases import leases
from notilog.leases.leases import Lease
from notilog.logs import handing, partitions, store
from notilog.logs.batch import Batch
from notilog.logs.limits import LogsSettings
from notilog.logs.record import Record
from notilog.logs.rows import Packer


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
    limits = config.section(LogsSettings)
    packer = Packer(limits, arrival=now)
    for record in records:
        message = record.message.replace("\0", "")[: limits.message_bytes // 4]
        packer.add(Record(record.level, record.project, record.module, message, attrs=record.attrs))
    rows, counts = packer.cut()
    batch = Batch(uuid7(), len(records), rows, counts=counts, named=False, accepted_at=now)
    await partitions.ensure(now)
    async with transaction() as tx:
        await leases.hold(tx, lease, now)
        await store.keep(tx, [batch])
    await handing.hand([batch], limits.connectors)
