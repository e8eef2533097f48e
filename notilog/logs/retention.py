"""What is kept of each project: by the age of its records, and by the size of all of them.

Whole partitions are dropped once no project keeps anything of their time. Where one project keeps
less than others, its records are deleted in pieces.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from notilog import config
from notilog.db.session import asking, transaction
from notilog.errors import Unavailable
from notilog.logs import partitions
from notilog.logs.counts import COUNTED_FROM
from notilog.logs.limits import DEFAULT, MIB, LogsSettings

log = structlog.get_logger(__name__)

AT_ONCE: Final = 20_000

_PROJECTS: Final = text("SELECT DISTINCT project FROM log_counts")
_TOO_MUCH: Final = text(
    """
    SELECT minute FROM (
        SELECT minute, sum(sum(bytes)) OVER (ORDER BY minute DESC) AS so_far,
               max(minute) OVER () AS newest
        FROM log_counts WHERE project = :project GROUP BY minute
    ) AS sizes
    WHERE so_far > :limit AND minute < newest ORDER BY minute DESC LIMIT 1
    """
)
"""The newest minute that, with all after it, is more than the limit; never the newest of all."""
_DELETE: Final = text(
    f"""
    WITH old AS (
        SELECT tableoid, ctid FROM log_records
        WHERE project = :project AND ts < :cut ORDER BY ts LIMIT :most FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM log_records AS record USING old
        WHERE record.tableoid = old.tableoid AND record.ctid = old.ctid
          AND record.project = :project AND record.ts < :cut
        RETURNING record.*
    ), {COUNTED_FROM.format(rows="gone", sign="-")}
    RETURNING (SELECT count(*) FROM gone)
    """  # noqa: S608  names of our own columns
)
_UNCOUNT: Final = (
    text("DELETE FROM log_counts WHERE project = :project AND minute < :cut"),
    text(
        "DELETE FROM log_module_counts"
        " WHERE project = :project AND hour < date_trunc('hour', CAST(:cut AS timestamptz))"
    ),
)
_UNCOUNT_BETWEEN: Final = (
    text("DELETE FROM log_counts WHERE minute >= :begin AND minute < :end"),
    text("DELETE FROM log_module_counts WHERE hour >= :begin AND hour < :end"),
)
_FORGET_AUDIT: Final = text("DELETE FROM log_audit WHERE at < :cut")


async def enforce(now: datetime) -> None:
    """Drop and delete what is not to be kept any longer."""
    await partitions.finish_dropping()
    await _drop_partitions(now)
    async with asking(primary=True) as tx:
        projects = list(await tx.scalars(_PROJECTS))
    for project in projects:
        try:
            cut = await _cut(project, now)
            if cut is not None:
                await _delete(project, cut.replace(second=0, microsecond=0))
        except (SQLAlchemyError, Unavailable):
            log.exception("log_records_not_ended", project=project)
    days = config.section(LogsSettings).audit_days
    async with transaction() as tx:
        await tx.execute(_FORGET_AUDIT, {"cut": now - timedelta(days=days)})


def longest_days(settings: LogsSettings) -> float | None:
    """The days after which no project keeps anything; None when there is no such time."""
    if settings.retention.get(DEFAULT) is None or settings.retention[DEFAULT].days is None:
        return None
    days = [kept.days for kept in settings.retention.values()]
    return None if None in days else max(day for day in days if day is not None)


async def _drop_partitions(now: datetime) -> None:
    days = longest_days(config.section(LogsSettings))
    if days is None:
        return
    cut = now - timedelta(days=days)
    async with asking(primary=True) as tx:
        old = [part for part in await partitions.listing(tx) if part.begin and part.end <= cut]
    for partition in old:
        await partitions.drop(partition)
        async with transaction() as tx:
            for statement in _UNCOUNT_BETWEEN:
                await tx.execute(statement, {"begin": partition.begin, "end": partition.end})


async def _cut(project: str, now: datetime) -> datetime | None:
    """Before when nothing of a project is kept."""
    kept = config.section(LogsSettings).retention_of(project)
    cuts = [] if kept.days is None else [now - timedelta(days=kept.days)]
    if kept.mib is not None:
        at = await _cut_by_size(project, kept.mib * MIB)
        cuts += [] if at is None else [at]
    return max(cuts, default=None)


async def _cut_by_size(project: str, limit: float) -> datetime | None:
    async with asking(primary=True) as tx:
        minute: datetime | None = await tx.scalar(_TOO_MUCH, {"project": project, "limit": limit})
    return None if minute is None else minute + timedelta(minutes=1)


async def _delete(project: str, cut: datetime) -> None:
    """In pieces, so that no transaction is long; the counts go with the last one."""
    total = 0
    while True:
        async with transaction() as tx:
            values = {"project": project, "cut": cut, "most": AT_ONCE}
            count = await tx.scalar(_DELETE, values) or 0
            if count < AT_ONCE:
                for statement in _UNCOUNT:
                    await tx.execute(statement, {"project": project, "cut": cut})
        total += count
        if count < AT_ONCE:
            break
    if total:
        log.info("log_records_ended", project=project, records=total, before=cut.isoformat())
