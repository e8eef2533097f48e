"""What is known of the platform, gathered from its signs."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.health import hosts, signs
from notilog.health.judging import LATE, Host, Seen, Worker
from notilog.health.tables import SignRow
from notilog.logs import room


async def seen(
    tx: AsyncSession,
    now: datetime,
    *,
    failing: Collection[str],
    of_database: Sequence[Host] | None = None,
) -> Seen:
    """What is known now.

    Args:
        tx: a session on the primary.
        now: the instant.
        failing: the servers that did not answer just before.
        of_database: its hosts; by default as this process has found them.
    """
    found = await signs.newest(tx)
    beat = found.get(signs.BEAT)
    living = [row for row in found.values() if now - row.at <= LATE]
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
        hosts=hosts.seen() if of_database is None else of_database,
        pools={
            name: hosts.heard(row.detail)
            for name, row in found.items()
            if now - row.at <= LATE and "hosts" in row.detail
        },
        taken=room.current().taken,
        sockets=_summed(living, "sockets"),
        subscriptions=_summed(living, "subscriptions"),
    )


def _summed(signs: Sequence[SignRow], what: str) -> dict[str, int]:
    """What several processes count, in all."""
    counts = Counter[str]()
    for sign in signs:
        counts.update(sign.detail.get(what, {}))
    return dict(counts)


def _worker(row: SignRow) -> Worker:
    detail = row.detail
    return Worker(
        row.name.removeprefix(signs.WORKER),
        tuple(detail.get("queues", ())),
        int(detail.get("running", 0)),
        int(detail.get("limit", 0)),
        row.at,
    )
