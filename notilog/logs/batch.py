"""A batch of records on its way in: as the store takes it, and as a broker carries it."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import zstandard

NAME: Final = "notilog.logs"
"""The stream on Redis; the exchange and the queue on RabbitMQ."""
ROWS: Final = "application/vnd.notilog.rows.v1"
"""The content type of rows made by `notilog.logs.rows`; another layout needs another number."""
JSON: Final = "application/json"
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


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be stored: its place in the batch, why, and what it was."""

    position: int
    reason: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Records ready for COPY; whatever carries the same id twice is stored once."""

    id: UUID
    records: int
    rows: bytes
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What a broker carries: rows of ours, or JSON of any other program.

    ``id`` is None when the sender named none.
    """

    type: str
    body: bytes
    encoding: str = ""
    id: UUID | None = None
    records: int = field(default=0)


def named(*parts: str) -> UUID:
    """The batch id that always comes out of the same names."""
    return uuid5(_NAMESPACE, "\0".join(parts))


def sealed(batch: Batch) -> Message:
    """The batch as a message, compressed when that pays."""
    if len(batch.rows) < _COMPRESS_ABOVE:
        return Message(ROWS, batch.rows, "", batch.id, batch.records)
    packed = zstandard.ZstdCompressor(level=1).compress(batch.rows)
    return Message(ROWS, packed, "zstd", batch.id, batch.records)


def unsealed(message: Message) -> bytes:
    """The rows of a message that `sealed` made.

    Raises:
        ValueError: the body is damaged.
    """
    if message.encoding != "zstd":
        return message.body
    try:
        return zstandard.ZstdDecompressor().decompress(message.body, max_output_size=_LARGEST_ROWS)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged zstd data: {error}") from error
