"""The store: batches of rows into PostgreSQL by COPY, each batch once, in the caller's transaction.

What the database refuses is found by halving and kept in ``log_rejects`` with the reason; the rows
around it are stored.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg.errors import CheckViolation, UniqueViolation
from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog.db.session import driver_connection
from notilog.instants import OUT_OF_YEARS
from notilog.logs import partitions
from notilog.logs.batch import Batch
from notilog.logs.counts import COUNTED_FROM, add, minute_at
from notilog.logs.rows import COLUMNS, HEADER, TRAILER, Counts, split
from notilog.logs.stored import counts_in
from notilog.logs.tables import LogBatchRow, LogRejectRow

_NAMES: Final = ", ".join(COLUMNS)
_COPY: Final = f"COPY log_records ({_NAMES}) FROM STDIN (FORMAT BINARY)"
_STAGE: Final = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS arriving (LIKE log_records) ON COMMIT DROP",
    "TRUNCATE arriving",
)
_COPY_STAGED: Final = f"COPY arriving ({_NAMES}) FROM STDIN (FORMAT BINARY)"
_FROM_STAGE: Final = f"""
    WITH put AS (
        INSERT INTO log_records ({_NAMES}) SELECT {_NAMES} FROM arriving ON CONFLICT DO NOTHING
        RETURNING log_records.*
    ), {COUNTED_FROM.format(rows="put", sign="")}
"""  # noqa: S608  names of our own columns
_REMEMBER: Final = text(
    """
    INSERT INTO log_batches (id, records)
    SELECT id, records FROM unnest(CAST(:ids AS uuid[]), CAST(:records AS int[]))
        AS arrived (id, records)
    ON CONFLICT DO NOTHING RETURNING id
    """
)
TOO_FAR_AHEAD: Final = "is too far ahead"
_LIMIT_EXCEEDED: Final = "54"  # the SQLSTATE class of values that PostgreSQL cannot hold


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a group of batches."""

    stored: int
    rejected: int
    repeated: int
    """Batches that had been stored before."""
    fresh: tuple[Batch, ...] = field(default=(), compare=False)
    """The others."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A row, or the rows of a whole batch, and where they came from."""

    batch: Batch
    position: int
    rows: bytes
    counts: Counts = field(default_factory=dict)


async def keep(tx: AsyncSession, batches: Sequence[Batch]) -> Kept:
    """Store every row of the batches that were not stored before.

    Raises:
        psycopg.Error: the database failed, and nothing of the group is stored.
    """
    fresh = await _not_seen(tx, batches)
    refused = [
        _reject(batch, reject.position, reject.reason, reject.payload)
        for batch in fresh
        for reject in batch.rejects
    ]
    counts: list[Counts] = []
    pieces = [_Piece(batch, 0, batch.rows, batch.counts) for batch in fresh if batch.rows]
    refused += await _copy(tx, pieces, counts)
    await add(tx, counts)
    if refused:
        await tx.execute(insert(LogRejectRow), refused)
    handed = sum(batch.records + len(batch.rejects) for batch in fresh)
    return Kept(
        handed - len(refused),
        len(refused),
        len(batches) - len(fresh),
        tuple(fresh),
    )


async def forget_batches(tx: AsyncSession, before: datetime) -> int:
    """Forget batches stored before an instant: their repetition would be stored again."""
    forgotten = await tx.scalars(
        delete(LogBatchRow).where(LogBatchRow.stored_at < before).returning(LogBatchRow.id)
    )
    return len(forgotten.all())


async def forget_rejects(tx: AsyncSession, before: datetime) -> None:
    """Forget what could not be stored before an instant."""
    await tx.execute(delete(LogRejectRow).where(LogRejectRow.received_at < before))


def remembered_since(now: datetime, *, days: int) -> datetime:
    """The instant before which batches are forgotten."""
    return now - timedelta(days=days)


async def _not_seen(tx: AsyncSession, batches: Sequence[Batch]) -> list[Batch]:
    """The batches, each once, that are new; they are remembered from now on."""
    # Sorted, so that two workers that got the same batches wait for each other in the same order.
    by_id = {batch.id: batch for batch in sorted(batches, key=lambda batch: batch.id)}
    named = [batch for batch in by_id.values() if batch.named]
    values = {
        "ids": [batch.id for batch in named],
        "records": [batch.records for batch in named],
    }
    new = set(await tx.scalars(_REMEMBER, values)) if named else set()
    return [batch for batch in by_id.values() if not batch.named or batch.id in new]


async def _copy(
    tx: AsyncSession, pieces: list[_Piece], counts: list[Counts]
) -> list[dict[str, object]]:
    """Store the pieces and note how many records they had; returns what the database refused."""
    if not pieces:
        return []
    reason = await _attempt(tx, pieces, counts)
    if reason is None:
        return []
    if len(pieces) == 1:
        (piece,) = pieces
        rows = _rows_of(piece)
        if len(rows) == 1:
            return [_reject(piece.batch, piece.position, reason, piece.rows)]
        pieces = [_Piece(piece.batch, position, row) for position, row in enumerate(rows)]
    middle = len(pieces) // 2
    return [
        *await _copy(tx, pieces[:middle], counts),
        *await _copy(tx, pieces[middle:], counts),
    ]


def _rows_of(piece: _Piece) -> list[bytes]:
    try:
        return split(piece.rows)
    except ValueError:
        return [piece.rows]  # damaged: it is kept as it is


async def _attempt(tx: AsyncSession, pieces: Sequence[_Piece], counts: list[Counts]) -> str | None:
    """Copy all the pieces or none of them; returns why not, when it is the fault of the rows."""
    connection = await driver_connection(tx)
    try:
        async with connection.transaction():
            await _write(connection, _COPY, pieces)
    except UniqueViolation:
        return await _attempt_with_repeats(connection, pieces)
    except psycopg.Error as error:
        if _has_no_place(error) and await partitions.fill(tx, _moments(pieces)):
            return await _attempt(tx, pieces, counts)
        return _reason(error)
    counts += [piece.counts or counts_in(piece.rows) for piece in pieces]
    return None


def _has_no_place(error: psycopg.Error) -> bool:
    return isinstance(error, CheckViolation) and error.diag.constraint_name is None


def _moments(pieces: Sequence[_Piece]) -> set[datetime]:
    """The times of the pieces, to the minute."""
    found: set[datetime] = set()
    for piece in pieces:
        with suppress(ValueError, OverflowError):
            found |= {minute_at(key[0]) for key in piece.counts or counts_in(piece.rows)}
    return found


async def _attempt_with_repeats(
    connection: psycopg.AsyncConnection, pieces: Sequence[_Piece]
) -> str | None:
    """The same, when a record's own id and time are stored already: it is skipped."""
    try:
        async with connection.transaction():
            for statement in _STAGE:
                await connection.execute(statement)
            await _write(connection, _COPY_STAGED, pieces)
            await connection.execute(_FROM_STAGE)
    except psycopg.Error as error:
        return _reason(error)
    return None


async def _write(
    connection: psycopg.AsyncConnection, statement: str, pieces: Sequence[_Piece]
) -> None:
    async with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        await copy.write(HEADER)
        for piece in pieces:
            await copy.write(piece.rows)
        await copy.write(TRAILER)


def _reason(error: psycopg.Error) -> str:
    """Why the rows were refused; any other failure is raised again."""
    if isinstance(error, CheckViolation):
        # There is only one check, and else no partition that far ahead.
        return f"ts: {OUT_OF_YEARS if error.diag.constraint_name else TOO_FAR_AHEAD}"
    of_data = isinstance(error, psycopg.DataError | psycopg.IntegrityError)
    if of_data or (error.sqlstate or "").startswith(_LIMIT_EXCEEDED):
        return error.diag.message_primary or str(error)
    raise error


def _reject(batch: Batch, position: int, reason: str, payload: bytes) -> dict[str, object]:
    return {
        "id": uuid7(),
        "batch_id": batch.id,
        "position": position,
        "reason": reason,
        "payload": payload,
    }
