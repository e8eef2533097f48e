"""A batch of records on its way in: as the store takes it, and as a broker carries it."""

import struct
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import zstandard

from notilog.logs.rows import Counts

NAME: Final = "notilog.logs"
"""The stream on Redis; the exchange and the queue on RabbitMQ."""
ROWS: Final = "application/vnd.notilog.rows.v2"
"""The content type of counts and rows made by `notilog.logs.rows`: the length of the counts as four
bytes, the counts as JSON, the rows. Another layout needs another number."""
ROWS_ALONE: Final = "application/vnd.notilog.rows.v1"
"""What was sent before the counts were: rows alone."""
MARK: Final = "application/vnd.notilog.mark"
"""The content type of a message without records; see `notilog.logs.progress`."""
JSON: Final = "application/json"
ACCEPTED_MS: Final = "accepted-ms"
"""The header of a message on RabbitMQ that says when it was published, in Unix milliseconds."""
EXCHANGE: Final[dict[str, Any]] = {"name": NAME, "type": "topic", "durable": True}
QUEUE: Final[dict[str, Any]] = {
    "name": NAME,
    "routing_key": "#",
    "durable": True,
    "queue_arguments": {
        "x-queue-type": "quorum",
        # RabbitMQ 4 drops what came back twenty times; a worker that keeps dying must not lose it.
        "x-delivery-limit": 1_000_000,
    },
}
"""How both sides declare them on RabbitMQ, which refuses a declaration that differs."""

_NAMESPACE: Final = uuid5(NAMESPACE_URL, NAME)
_COMPRESS_ABOVE: Final = 16 * 1024
_LARGEST_ROWS: Final = 256 * 1024 * 1024
_LENGTH: Final = struct.Struct("!I")
_counts: Final = msgspec.json.Decoder(list[tuple[int, int, str, str, int, int]]).decode


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be stored: its place in the batch, why, and what it was."""

    position: int
    reason: str
    payload: bytes
    is_bad: bool = True
    """False when there was only no room for it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records ready for COPY; whatever carries the same id twice is stored once."""

    id: UUID
    records: int
    rows: bytes
    rejects: tuple[Reject, ...] = ()
    counts: Counts = field(default_factory=dict)
    named: bool = True
    """Whether whoever sent it can send it again under this id."""
    again: bool = False
    """Whether the broker gives it not for the first time."""
    accepted_at: datetime | None = None

    @property
    def bad(self) -> tuple[Reject, ...]:
        """The rejects that are worth keeping: all but those for which there was no room."""
        return tuple(reject for reject in self.rejects if reject.is_bad)


@dataclass(frozen=True, slots=True)
class Message:
    """What a broker carries: rows of ours, or JSON of any other program.

    ``id`` is None when the sender named none; ``again`` when it was given out before.
    """

    type: str
    body: bytes
    encoding: str = ""
    id: UUID | None = None
    records: int = 0
    again: bool = False
    accepted_at: datetime | None = None


def named(*parts: str) -> UUID:
    """The batch id that always comes out of the same names."""
    whole = "\0".join(parts).encode(errors="replace").decode()  # half a surrogate is no text
    return uuid5(_NAMESPACE, whole)


def sealed(batch: Batch) -> Message:
    """The batch as a message, compressed when that pays."""
    counts = msgspec.json.encode([(*key, *number) for key, number in batch.counts.items()])
    body = b"".join((_LENGTH.pack(len(counts)), counts, batch.rows))
    if len(body) < _COMPRESS_ABOVE:
        return Message(ROWS, body, "", batch.id, batch.records)
    packed = zstandard.ZstdCompressor(level=1).compress(body)
    return Message(ROWS, packed, "zstd", batch.id, batch.records)


def unsealed(message: Message) -> tuple[bytes, Counts]:
    """The rows of a message that `sealed` made, and their counts.

    Raises:
        ValueError: the body is damaged.
    """
    body = message.body
    is_alone = message.type == ROWS_ALONE
    try:
        if message.encoding == "zstd":
            body = zstandard.ZstdDecompressor().decompress(body, max_output_size=_LARGEST_ROWS)
        if is_alone:
            return body, {}
        begin = _LENGTH.size + _LENGTH.unpack_from(body)[0]
        counted = _counts(body[_LENGTH.size : begin])
    except (zstandard.ZstdError, struct.error, msgspec.DecodeError) as error:
        raise ValueError(f"damaged rows: {error}") from error
    return body[begin:], {tuple(key): (records, size) for *key, records, size in counted}  # type: ignore[misc]
