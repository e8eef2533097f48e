"""Taking records in: the one way from bytes of any sender to a batch that is ready to be stored."""

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import msgspec
import zstandard
from uuid_utils.compat import uuid7

from notilog import config
from notilog.errors import FieldError, Invalid, TooLarge
from notilog.logs import levels, room
from notilog.logs.batch import JSON, ROWS, ROWS_ALONE, Batch, Message, Reject, named, unsealed
from notilog.logs.limits import LogsSettings
from notilog.logs.measures import RECORDS
from notilog.logs.record import BadDocument, BadRecord, NoRoom, Record, record_of, records_of
from notilog.logs.redaction import Redaction
from notilog.logs.rows import Counts, Packer
from notilog.logs.stored import counts_in

BY_LINE: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_JSON_TYPES: Final = (JSON, "text/json", "")
_PACKED: Final = frozenset((ROWS, ROWS_ALONE))
_MINUTES_OF_TIME: Final = 1_000 * 366 * 24 * 60
_LARGEST: Final = 2**40
_GZIP: Final = 16 + zlib.MAX_WBITS
_LARGEST_WINDOW: Final = 8 * 1024 * 1024
_NUL: Final = b"\\u0000"


@dataclass(frozen=True, slots=True)
class Sent:
    """A body as its sender described it."""

    body: bytes
    type: str = JSON
    encoding: str = ""


def accept(
    sent: Sent,
    *,
    now: datetime,
    batch_id: UUID | None = None,
    project: str | None = None,
    keep_old: bool = False,
    floor: int = room.EVERYTHING,
    stamp: Mapping[str, Any] | None = None,
) -> Batch:
    """Check every record and make the batch of the good ones; the others are its ``rejects``.

    Args:
        sent: one object, an array, or one object a line.
        now: the time of records that carry none.
        batch_id: an id of the sender's, under which a repetition is stored once.
        project: the only project that the sender may write to.
        keep_old: keep the time of records that are older than their project's retention.
        floor: the lowest level that is taken.
        stamp: attributes that every record gets, whatever it says of them itself.

    Raises:
        Invalid: no record at all, not JSON, or an encoding or type that is not understood.
        TooLarge: more records or bytes than one batch may have.
    """
    limits = config.section(LogsSettings)
    packer = Packer(
        limits, arrival=now, project=project, keep_old=keep_old, floor=floor, stamp=stamp
    )
    return _packed(sent, packer, batch_id or uuid7())


def _packed(sent: Sent, packer: Packer, batch_id: UUID) -> Batch:
    limits = config.section(LogsSettings)
    body = unpacked(sent).body
    found: Sequence[Record | bytes] = _found(body, sent.type)
    if len(found) > limits.batch_records:
        raise TooLarge(f"more than {limits.batch_records} records in one batch")
    # A search for one byte costs a tenth of a search for six, and most bodies end it there.
    nul = b"\\" in body and _NUL in body
    redaction = _redaction_of(limits)
    is_concerned = redaction.concerns(body)
    rejects: list[Reject] = []
    for position, item in enumerate(found):
        try:
            record = record_of(item) if isinstance(item, bytes) else item
            packer.add(redaction.applied(record) if is_concerned else record, nul=nul)
        except BadRecord as error:
            payload = redaction.payload(_payload(item)) if is_concerned else _payload(item)
            is_bad = not isinstance(error, NoRoom)
            rejects.append(Reject(position, str(error), payload, is_bad))
    rows, counts = packer.cut()
    return Batch(batch_id, len(found) - len(rejects), rows, tuple(rejects), counts=counts)


def _redaction_of(limits: LogsSettings) -> Redaction:
    return _redaction(tuple(limits.redact_fields), tuple(limits.redact_patterns))


@cache
def _redaction(fields: tuple[str, ...], patterns: tuple[str, ...]) -> Redaction:
    return Redaction(fields, patterns)


def refuse_all_bad(batch: Batch) -> None:
    """Refuse a batch that has no good record.

    Raises:
        Invalid: naming each record.
    """
    if not batch.records:
        raise Invalid([FieldError(str(bad.position), bad.reason) for bad in batch.rejects])


def received(messages: Iterable[Message], *, now: datetime) -> list[Batch]:
    """The batches in messages from the broker; what cannot be read at all is a reject of its batch.

    JSON without an id comes together in one batch. Records for which there is no room are counted
    and not kept.
    """
    # Nobody could be told to keep them, so errors are taken until the end.
    floor = min(room.current().floor, room.ERRORS)
    packer = Packer(config.section(LogsSettings), arrival=now, floor=floor)
    apart, nameless = list[Batch](), list[Batch]()
    for message in messages:
        is_nameless = message.id is None and message.type not in _PACKED
        (nameless if is_nameless else apart).append(_received(message, packer, now))
    return [*apart, _together(nameless, now)] if nameless else apart


def _received(message: Message, packer: Packer, now: datetime) -> Batch:
    batch_id = message.id or uuid7()
    try:
        batch = _opened(message, packer, batch_id)
    except Exception as error:  # noqa: BLE001  one message must not hold up those beside it
        packer.cut()
        batch = Batch(batch_id, 0, b"", (Reject(0, str(error), _unread(message)),))
    bad = batch.bad
    if len(bad) < len(batch.rejects):
        RECORDS.add("refused", amount=len(batch.rejects) - len(bad))
    return Batch(
        batch_id,
        batch.records,
        batch.rows,
        bad,
        batch.counts,
        named=message.id is not None,
        again=message.again,
        accepted_at=message.accepted_at or now,
    )


def _unread(message: Message) -> bytes:
    """What is kept of a message that could not be read: nothing that might hide a secret."""
    limits = config.section(LogsSettings)
    body = message.body[: limits.batch_bytes]
    if message.type not in _PACKED and message.encoding:
        try:
            body = _decompressed(Sent(message.body, encoding=message.encoding), limits.batch_bytes)
        except (Invalid, TooLarge):
            return b""
    return _redaction_of(limits).payload(body)


def _opened(message: Message, packer: Packer, batch_id: UUID) -> Batch:
    if message.type in _PACKED:
        rows, counts = unsealed(message)
        if not _are_sound(counts, message.records):
            counts = counts_in(rows)
        records = sum(number for number, _ in counts.values())
        return Batch(batch_id, records, rows, counts=counts)
    return _packed(Sent(message.body, message.type, message.encoding), packer, batch_id)


def _together(batches: Sequence[Batch], now: datetime) -> Batch:
    """One batch of several whose ids nobody knows."""
    if len(batches) == 1:
        return batches[0]
    counts: Counts = {}
    for batch in batches:
        for key, (records, size) in batch.counts.items():
            before = counts.get(key, (0, 0))
            counts[key] = (before[0] + records, before[1] + size)
    return Batch(
        uuid7(),
        sum(batch.records for batch in batches),
        b"".join(batch.rows for batch in batches),
        tuple(reject for batch in batches for reject in batch.rejects),
        counts,
        named=False,
        again=any(batch.again for batch in batches),
        accepted_at=now,
    )


def _are_sound(counts: Counts, records: int) -> bool:
    """Whether counts that came with rows can be believed; anybody may have published them."""
    return sum(number for number, _ in counts.values()) == records and all(
        level in levels.NAMES
        and abs(minute) <= _MINUTES_OF_TIME
        and 0 < number <= records
        and 0 <= size <= _LARGEST
        for (minute, level, _, _), (number, size) in counts.items()
    )


def repeatable_id(sender: str, project: str | None, key: str, body: bytes) -> UUID:
    """The batch id of an ``Idempotency-Key``: the same for a repetition of what was sent.

    Other records under a key that was used before are another batch: they are stored, not lost.

    Args:
        sender: whose key it is.
        project: the only project that the sender may write to.
        key: as it was sent.
        body: the records, unpacked: compressing them again may give other bytes.
    """
    content = hashlib.sha256(body).hexdigest()
    return named("idempotency-key", sender, project or "", content, key)


def unpacked(sent: Sent) -> Sent:
    """The same, decompressed no further than to see that it is too large.

    Raises:
        Invalid: the encoding is not understood, or the data are damaged.
        TooLarge: more bytes than one batch may have.
    """
    body = _decompressed(sent, config.section(LogsSettings).batch_bytes)
    return Sent(body, sent.type)


def _payload(item: Record | bytes) -> bytes:
    return item if isinstance(item, bytes) else msgspec.json.encode(item)


def _found(body: bytes, content_type: str) -> list[Record] | list[bytes]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (*_JSON_TYPES, *BY_LINE):
        raise Invalid.field("Content-Type", f"{kind!r} is not {JSON} or {BY_LINE[0]}")
    try:
        found = records_of(body, by_line=kind in BY_LINE)
    except BadDocument as error:
        raise Invalid.field("body", str(error)) from error
    if not found:
        raise Invalid.field("body", "no record in it")
    return found


def _decompressed(sent: Sent, limit: int) -> bytes:
    match sent.encoding.strip().lower():
        case "" | "identity" | "binary" | "utf-8" | "ascii":
            body = sent.body
        case "gzip" | "x-gzip":
            body = _gunzipped(sent.body, limit + 1)
        case "zstd":
            body = _unzstd(sent.body, limit + 1)
        case other:
            raise Invalid.field("Content-Encoding", f"{other!r} is not gzip or zstd")
    if len(body) > limit:
        raise TooLarge(f"a batch may have {limit} bytes after decompression")
    return body


def _gunzipped(data: bytes, most: int) -> bytes:
    plain = bytearray()
    try:
        while data and len(plain) < most:
            member = zlib.decompressobj(_GZIP)
            plain += member.decompress(data, most - len(plain))
            if not member.eof and len(plain) < most:
                raise Invalid.field("body", "the gzip data end too early")
            data = member.unused_data
    except zlib.error as error:
        raise Invalid.field("body", f"not gzip: {error}") from error
    return bytes(plain)


def _unzstd(data: bytes, most: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    try:
        with decompressor.stream_reader(data, read_across_frames=True) as reader:
            return reader.read(most)
    except zstandard.ZstdError as error:
        raise Invalid.field("body", f"not zstd: {error}") from error
