"""Changing and deleting records: who did it when, what was before and what after is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog.errors import FieldError, Invalid, NotFound
from notilog.logs import levels, partitions
from notilog.logs.counts import COUNTED_FROM
from notilog.logs.filters import Filters, conditions, within_time
from notilog.logs.intake import Sent, accept
from notilog.logs.rows import COLUMNS
from notilog.logs.stored import records_in
from notilog.logs.tables import LogAuditRow, LogRecordRow
from notilog.users.caller import Caller

MOST_DELETED: Final = 10_000
_AMONG: Final = (
    "(ts, id) IN (SELECT * FROM unnest(CAST(:ts AS timestamptz[]), CAST(:ids AS uuid[])))"
)
_LOCK: Final = text(f"SELECT id FROM log_records WHERE {_AMONG} ORDER BY ts, id FOR UPDATE")  # noqa: S608
_DELETE: Final = text(f"DELETE FROM log_records WHERE {_AMONG}")  # noqa: S608
_AROUND: Final = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), None)
_OWN_TIME: Final = text("SET LOCAL statement_timeout TO DEFAULT")
"""Looking for records has little time; deleting those that were found has that of any statement."""
_UUID7: Final = 7
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
_COUNT: Final = {
    sign: text(
        f"WITH known AS (SELECT * FROM log_records WHERE {_AMONG}), "  # noqa: S608
        + COUNTED_FROM.format(rows="known", sign=sign)
    )
    for sign in ("", "-")
}


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many records were deleted, and whether others are left that match."""

    records: int
    more: bool


async def find(
    tx: AsyncSession, caller: Caller, record_id: UUID, *, ts: datetime | None = None
) -> LogRecordRow:
    """A record by its id; with its time it is found at once.

    Raises:
        NotFound: there is none that the caller may see.
        Invalid: looking for it took too long.
    """
    wanted = [LogRecordRow.id == record_id, *conditions(Filters(), caller)]
    arrival = _arrival(record_id)
    for distance in (None,) if ts or arrival is None else _AROUND:
        statement = select(LogRecordRow).where(*wanted)
        if ts is not None:
            statement = statement.where(LogRecordRow.ts == ts)
        elif distance is not None and arrival is not None:
            begin, end = arrival - distance, arrival + distance
            statement = statement.where(LogRecordRow.ts >= begin, LogRecordRow.ts <= end)
        for (row,) in await within_time(tx, statement.limit(1)):
            found: LogRecordRow = row
            return found
    raise NotFound(f"no record {record_id}")


async def change(
    tx: AsyncSession,
    caller: Caller,
    record_id: UUID,
    *,
    changes: Mapping[str, Any],
    now: datetime,
    ts: datetime | None = None,
) -> LogRecordRow:
    """Give a record other values; they must be such that a program could have sent them.

    ``changes`` are values by the names of fields; None empties one that may be empty.

    Raises:
        NotFound: there is none that the caller may see.
        Invalid: naming the field.
    """
    row = await _locked(tx, await find(tx, caller, record_id, ts=ts))
    before = as_json(row)
    after = _checked({**before, **changes, "id": str(record_id)}, caller=caller, now=now)
    await partitions.fill(tx, [after["ts"]])
    key = {"ts": [row.ts], "ids": [row.id]}
    await tx.execute(_COUNT["-"], key)
    at_old_place = (LogRecordRow.ts == row.ts, LogRecordRow.id == row.id)
    await tx.execute(
        update(LogRecordRow)
        .where(*at_old_place)
        .values(after)
        .execution_options(synchronize_session=False)
    )
    await tx.execute(_COUNT[""], {"ts": [after["ts"]], "ids": [row.id]})
    changed = LogRecordRow(**after)
    tx.expunge(row)
    tx.add(_audit(caller, before, as_json(changed), now=now))
    await tx.flush()
    return changed


async def _locked(tx: AsyncSession, row: LogRecordRow) -> LogRecordRow:
    """The record as it is now, which nobody else changes until the end of the transaction."""
    statement = (
        select(LogRecordRow)
        .where(LogRecordRow.ts == row.ts, LogRecordRow.id == row.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = await tx.scalar(statement)
    if found is None:
        raise NotFound(f"no record {row.id}")
    return found


async def delete_one(
    tx: AsyncSession,
    caller: Caller,
    record_id: UUID,
    *,
    now: datetime,
    ts: datetime | None = None,
) -> None:
    """Delete a record.

    Raises:
        NotFound: there is none that the caller may see.
    """
    await _delete(tx, caller, [await find(tx, caller, record_id, ts=ts)], now=now)


async def delete_matching(
    tx: AsyncSession, caller: Caller, *, filters: Filters, now: datetime
) -> Deleted:
    """Delete the oldest records that match, up to `MOST_DELETED` of them.

    Raises:
        Invalid: no filter was given, a level is not understood, or it takes too long.
    """
    if filters.are_none:
        raise Invalid.field("query", "at least one filter is needed to delete records")
    statement = (
        select(LogRecordRow)
        .where(*conditions(filters, caller))
        .order_by(LogRecordRow.ts, LogRecordRow.id)
        .limit(MOST_DELETED + 1)
    )
    found: list[LogRecordRow] = [row for (row,) in await within_time(tx, statement)]
    await tx.execute(_OWN_TIME)
    gone = await _delete(tx, caller, found[:MOST_DELETED], now=now)
    return Deleted(gone, more=len(found) > MOST_DELETED)


async def history(tx: AsyncSession, caller: Caller, record_id: UUID) -> Sequence[LogAuditRow]:
    """What was done to a record, the newest first."""
    statement = select(LogAuditRow).where(LogAuditRow.record_id == record_id)
    if caller.project is not None:
        statement = statement.where(LogAuditRow.project == caller.project)
    return (await tx.execute(statement.order_by(LogAuditRow.id.desc()))).scalars().all()


def as_json(row: LogRecordRow) -> dict[str, Any]:
    """A record as programs send it, with every field."""
    fields = {name: getattr(row, name) for name in COLUMNS}
    return {
        **fields,
        "id": str(row.id),
        "ts": row.ts.astimezone(UTC).isoformat(),
        "level": levels.NAMES[row.level],
    }


async def _delete(
    tx: AsyncSession, caller: Caller, rows: Sequence[LogRecordRow], *, now: datetime
) -> int:
    if not rows:
        return 0
    key = {"ts": [row.ts for row in rows], "ids": [row.id for row in rows]}
    locked = await tx.scalars(_LOCK, key)
    ids = set(locked.all())  # another may have deleted some meanwhile
    rows = [row for row in rows if row.id in ids]
    key = {"ts": [row.ts for row in rows], "ids": [row.id for row in rows]}
    await tx.execute(_COUNT["-"], key)
    await tx.execute(_DELETE, key)
    audit = [_audited(caller, as_json(row), None, now=now) for row in rows]
    if audit:
        await tx.execute(insert(LogAuditRow), audit)
    return len(rows)


def _checked(fields: dict[str, Any], *, caller: Caller, now: datetime) -> dict[str, Any]:
    """The values of the columns, checked as a record that arrives is."""
    sent = {name: value for name, value in fields.items() if value is not None}
    unknown = sorted(sent.keys() - set(COLUMNS))
    if unknown:
        raise Invalid([FieldError(name, "is not a field of a record") for name in unknown])
    batch = accept(Sent(msgspec.json.encode(sent)), now=now, project=caller.project, keep_old=True)
    for reject in batch.rejects:
        raise Invalid([_field_error(reject.reason)])
    (record,) = records_in(batch.rows)
    return msgspec.structs.asdict(record)


def _field_error(reason: str) -> FieldError:
    """The field that a reason of the intake is about: at its start, or in backquotes."""
    name, colon, rest = reason.partition(": ")
    if colon and name in COLUMNS:
        return FieldError(name, rest)
    quoted = reason.split("`")
    field = next(
        (part.lstrip("$.") for part in quoted[1::2] if part.lstrip("$.") in COLUMNS), "body"
    )
    return FieldError(field, reason)


def _audit(
    caller: Caller, before: dict[str, Any], after: dict[str, Any] | None, *, now: datetime
) -> LogAuditRow:
    return LogAuditRow(**_audited(caller, before, after, now=now))


def _audited(
    caller: Caller, before: dict[str, Any], after: dict[str, Any] | None, *, now: datetime
) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "record_id": UUID(before["id"]),
        "project": before["project"],
        "login": caller.login,
        "at": now,
        "before": before,
        "after": after,
    }


def _arrival(record_id: UUID) -> datetime | None:
    """When a record arrived whose id was made by us; None for what nobody's clock says."""
    seconds = (record_id.int >> 80) / 1000
    if record_id.version != _UUID7 or seconds > _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)
