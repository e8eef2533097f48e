"""Storing many records from files: batch after batch, whatever is stored already only once.

Nothing is kept in ``log_rejects``: who loads a file is told which lines were refused, and has them.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.db.session import transaction
from notilog.logs import partitions
from notilog.logs.batch import Batch, named
from notilog.logs.intake import BY_LINE, Sent, accept
from notilog.logs.limits import LogsSettings
from notilog.logs.record import BadRecord, Instant
from notilog.logs.store import Kept, keep

_KNOWN: Final = text(
    """
    SELECT asked.place
    FROM unnest(CAST(:ids AS uuid[]), CAST(:moments AS timestamptz[]))
        WITH ORDINALITY AS asked (id, ts, place)
    JOIN log_records AS r ON r.ts = asked.ts AND r.id = asked.id
    WHERE r.ts BETWEEN :first AND :last
    """
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One record as JSON, with its ``id`` and ``ts``, and the number of its first line."""

    number: int
    body: bytes
    batch: str = ""
    """What names its batch, when its ``ts`` is another each time it is loaded."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of some records: of how many, and of which lines they were refused."""

    stored: int = 0
    repeated: int = 0
    rejected: int = 0
    reasons: tuple[tuple[int, str], ...] = ()

    @property
    def records(self) -> int:
        return self.stored + self.repeated + self.rejected

    def plus(self, other: "Loaded", *, reasons: int | None = None) -> "Loaded":
        """Both together, with no more than so many reasons."""
        return Loaded(
            self.stored + other.stored,
            self.repeated + other.repeated,
            self.rejected + other.rejected,
            (*self.reasons, *other.reasons)[:reasons],
        )


NOTHING: Final = Loaded()
_NOT_KEPT: Final = Kept(0, 0, 0)


class _Key(msgspec.Struct):
    id: UUID
    ts: Instant


_key: Final = msgspec.json.Decoder(_Key).decode


async def load(pieces: Iterable[Piece], *, now: datetime) -> AsyncIterator[Loaded]:
    """Store the records, a batch a transaction; yields what became of each once it is committed.

    Raises:
        Unavailable: the database does not answer; what was yielded before that is stored.
    """
    await partitions.ensure(now)  # no worker may ever have run
    limits = config.section(LogsSettings)
    for group in _groups(pieces, limits):
        keys: dict[Piece, _Key] = {}
        reasons: list[tuple[int, str]] = []
        for piece in group:
            try:
                keys[piece] = _checked(piece, limits)
            except BadRecord as error:
                reasons.append((piece.number, str(error)))
        loaded = await _stored(keys, now=now) if keys else NOTHING
        yield Loaded(rejected=len(reasons), reasons=tuple(reasons)).plus(loaded)


def _groups(pieces: Iterable[Piece], limits: LogsSettings) -> Iterator[list[Piece]]:
    """As many at once as one batch may have; what is too large for any is by itself."""
    group: list[Piece] = []
    size = 0
    for piece in pieces:
        size += len(piece.body) + 1
        if group and (size > limits.batch_bytes or len(group) == limits.batch_records):
            yield group
            group, size = [], len(piece.body) + 1
        group.append(piece)
    if group:
        yield group


def _checked(piece: Piece, limits: LogsSettings) -> _Key:
    """The record's key.

    Raises:
        BadRecord: it has none, or is too large for any batch.
    """
    if len(piece.body) > limits.batch_bytes:
        raise BadRecord(f"longer than {limits.batch_bytes} bytes")
    try:
        return _key(piece.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord(str(error)) from error


async def _stored(keys: dict[Piece, _Key], *, now: datetime) -> Loaded:
    async with transaction() as tx:
        known = await _known(tx, keys)
        new = [piece for piece in keys if piece not in known]
        if not new:
            return Loaded(repeated=len(known))
        batch = _batch(new, now=now)
        kept = await keep(tx, [replace(batch, rejects=())]) if batch.records else _NOT_KEPT
    reasons = tuple((new[bad.position].number, bad.reason) for bad in batch.rejects)
    repeated = len(known) + (batch.records if kept.repeated else 0)
    return Loaded(kept.stored, repeated, kept.rejected + len(reasons), reasons)


async def _known(tx: AsyncSession, keys: dict[Piece, _Key]) -> set[Piece]:
    """Those that are stored already: they are not given to the store, which would count them."""
    moments = [key.ts for key in keys.values()]
    asked = {
        "ids": [key.id for key in keys.values()],
        "moments": moments,
        "first": min(moments, default=None),
        "last": max(moments, default=None),
    }
    places = set((await tx.scalars(_KNOWN, asked)).all())
    return {piece for place, piece in enumerate(keys, 1) if place in places}


def _batch(pieces: Sequence[Piece], *, now: datetime) -> Batch:
    """The batch; unless some time is not the record's own, its records are what is recognised.

    So records that were deleted since are stored again.
    """
    body = b"\n".join(piece.body for piece in pieces)
    name = next((piece.batch for piece in reversed(pieces) if piece.batch), None)
    batch_id = None if name is None else named("import", name)
    return accept(Sent(body, BY_LINE[0]), now=now, batch_id=batch_id, keep_old=True)
