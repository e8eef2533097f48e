"""The way in on Redis: a stream whose entries stay until the rows they carry are committed.

Reading an entry leaves it in the reader's list of pending entries, so a reader that dies loses
nothing: after a while another one claims what it held. Why not a list, as Celery's tasks use:
docs/decisions/log-intake-on-redis-streams.md.
"""

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final
from uuid import UUID

import redis.asyncio as redis
from redis.exceptions import ResponseError

from notilog.logs.batch import JSON, NAME, Message, named

GROUP: Final = "store"
_SILENT_FOR: Final = 600_000  # milliseconds after which a reader that holds nothing is gone


_ANSWER_WITHIN: Final = 5.0


def connect(url: str) -> redis.Redis:
    """A client for the broker at ``url``; it connects when it is first used."""
    return redis.Redis.from_url(
        url, protocol=2, socket_timeout=_ANSWER_WITHIN, socket_connect_timeout=_ANSWER_WITHIN
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """A message and its place in the stream."""

    place: bytes
    message: Message


async def add(client: redis.Redis, message: Message) -> int:
    """Append the message; returns how many wait once Redis has written it to its file."""
    fields: dict[Any, Any] = {
        "type": message.type,
        "encoding": message.encoding,
        "records": message.records,
        "body": message.body,
    }
    if message.id is not None:
        fields["id"] = message.id.bytes
    async with client.pipeline(transaction=False) as pipeline:
        pipeline.xadd(NAME, fields)
        pipeline.xlen(NAME)
        _, waiting = await pipeline.execute()
    return int(waiting)


async def waiting(client: redis.Redis) -> int:
    """How many messages are in the stream."""
    return int(await client.xlen(NAME))


Client = redis.Redis


class Reader:
    """One member of the group that empties the stream; its name is never used again."""

    def __init__(self, client: redis.Redis, *, claim_after: float) -> None:
        self._client = client
        self._claim_after = int(claim_after * 1000)
        self._name = f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"

    async def prepare(self) -> None:
        """Make the stream and the group, unless they are there."""
        try:
            await self._client.xgroup_create(NAME, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def read(self, count: int, *, wait: float) -> list[Entry]:
        """New entries, at most ``count``, waiting for the first one up to ``wait`` seconds."""
        answer: Any = await self._client.xreadgroup(
            GROUP, self._name, {NAME: ">"}, count=count, block=int(wait * 1000)
        )
        return [entry for _, found in answer or () for entry in _entries(found, again=False)]

    async def claim(self, count: int) -> list[Entry]:
        """Entries that another reader has held in silence for too long."""
        answer = await self._client.xautoclaim(
            NAME, GROUP, self._name, self._claim_after, "0-0", count=count
        )
        return _entries(answer[1], again=True)

    async def hold(self, entries: list[Entry]) -> None:
        """Say that these are still being worked on, so that nobody claims them."""
        places: list[Any] = [entry.place for entry in entries]
        await self._client.xclaim(NAME, GROUP, self._name, 0, places, justid=True)

    async def done(self, entries: list[Entry]) -> None:
        """Their rows are committed: remove them."""
        places = [entry.place for entry in entries]
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.xack(NAME, GROUP, *places)
            pipeline.xdel(NAME, *places)
            await pipeline.execute()

    async def leave(self) -> None:
        """Leave the group, unless something is still held: another reader will claim that."""
        await self._remove(lambda reader: bool(reader["name"] == self._name.encode()))

    async def remove_the_dead(self) -> None:
        """Remove readers that have been silent for long and hold nothing."""
        await self._remove(lambda reader: bool(reader["idle"] > _SILENT_FOR))

    async def _remove(self, chosen: Any) -> None:
        for reader in await self._client.xinfo_consumers(NAME, GROUP):
            if chosen(reader) and not reader["pending"]:
                await self._client.xgroup_delconsumer(NAME, GROUP, reader["name"])


def _entries(found: Any, *, again: bool) -> list[Entry]:
    """Entries as messages; one that was deleted meanwhile has no fields."""
    return [Entry(place, _message(place, fields, again=again)) for place, fields in found if fields]


def _message(place: bytes, fields: dict[bytes, bytes], *, again: bool) -> Message:
    """Our own message, or another program's ``XADD notilog.logs * json …``."""
    given = fields.get(b"id", b"")
    own = len(given) == len(UUID(int=0).bytes)
    if own:
        batch_id = UUID(bytes=given)
    else:
        batch_id = named("redis", (given or place).decode(errors="replace"))
    return Message(
        type=fields.get(b"type", JSON.encode()).decode(errors="replace"),
        body=fields.get(b"body", fields.get(b"json", b"")),
        encoding=fields.get(b"encoding", b"").decode(errors="replace"),
        id=batch_id,
        records=int(fields[b"records"]) if own and fields.get(b"records", b"").isdigit() else 0,
        again=again,
        accepted_at=_moment(place),
    )


def _moment(place: bytes) -> datetime:
    """When Redis took an entry: the first part of its id, in milliseconds."""
    return datetime.fromtimestamp(int(place.partition(b"-")[0]) / 1000, UTC)
