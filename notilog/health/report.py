"""What is known of the platform, gathered from its signs."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.health import signs
from notilog.health.judging import Seen, Worker
from notilog.health.tables import SignRow
from notilog.logs import room


async def seen(tx: AsyncSession, now: datetime, *, failing: Collection[str] = ()) -> Seen:
    """What is known now; ``failing`` are servers that did not answer just before."""
    found = await signs.newest(tx)
    beat = found.get(signs.BEAT)
    return Seen(
        now,
        workers=[_worker(row) for name, row in found.items() if name.startswith(signs.WORKER)],
        nodes={
            name.removeprefix(signs.NODE): row.at
            for name, row in found.items()
            if name.startswith(signs.NODE)
        },
        beat_at=None if beat is None else beat.at,
        waiting={} if beat is None else dict(beat.detail.get("waiting", {})),
        failing=failing,
        taken=room.current().taken,
    )


def _worker(row: SignRow) -> Worker:
    detail = row.detail
    return Worker(
        row.name.removeprefix(signs.WORKER),
        tuple(detail.get("queues", ())),
        int(detail.get("running", 0)),
        int(detail.get("limit", 0)),
        row.at,
    )
