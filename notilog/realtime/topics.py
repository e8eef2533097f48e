"""Topics on Redis: messages in the order of their offsets, for readers that listen now.

A message that nobody would read is not sent: readers say that they listen by reading, publishers
ask (`Interest`). What a topic has lost is noticed by its readers, never hidden from them: a Redis
that was wiped, and a time in which nobody listened, end the topic's epoch.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic, time
from typing import Any, Final, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from notilog.errors import Unavailable

Client = redis.Redis

STALE: Final = 0.25
"""Seconds for which a publisher may still believe that nobody listens."""
LISTENS_FOR: Final = 60
"""Seconds after its last `read` for which a reader counts as one that listens."""

ANNOUNCED_FOR: Final = 30.0
"""Seconds; by the clocks of the machines, which must agree about as well."""

_ANSWER_WITHIN: Final = 5.0
_LONGEST_WAIT: Final = 2.0
_KEPT_FOR: Final = 900
_EPOCH_FOR: Final = 86_400
_MOST_ENTRIES: Final = 20
_PAYLOAD: Final = b"payload"
_EPOCH: Final = b"epoch"
_Entry = tuple[bytes, dict[bytes, bytes]]

# KEYS: stream, epoch, announced. ARGV: a new epoch, most entries, seconds for the first two keys,
# how far the offset moves, how many announcements this is the message of, these, then the fields.
# Offsets have no holes, so that a reader can tell what it has missed.
_PUBLISH: Final = """
if redis.call('HSETNX', KEYS[2], 'epoch', ARGV[1]) == 1 then
  redis.call('DEL', KEYS[1])
end
local epoch = redis.call('HGET', KEYS[2], 'epoch')
local place = redis.call('HINCRBY', KEYS[2], 'offset', ARGV[5]) .. '-0'
local fields = 7 + ARGV[6]
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], place, 'epoch', epoch, unpack(ARGV, fields))
if fields > 7 then
  redis.call('ZREM', KEYS[3], unpack(ARGV, 7, fields - 1))
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return redis.call('HGET', KEYS[2], 'offset')
"""
# KEYS: readers, epoch, stream, announced. ARGV: a new epoch, seconds for the first two keys, the
# epoch and the offset that a reader knows, and an instant. While nobody was known to listen nothing
# was published, so the first who does begins an epoch; so does a reader who knows more than Redis,
# which was set back. What was announced before the instant and never came makes a hole.
_LISTEN: Final = """
local fresh = redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[2])
local known = redis.call('HMGET', KEYS[2], 'epoch', 'offset')
if fresh or not known[1]
    or (known[1] == ARGV[4] and tonumber(known[2]) < tonumber(ARGV[5])) then
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'offset', 0)
end
local missed = redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', ARGV[6])
if missed > 0 then
  redis.call('HINCRBY', KEYS[2], 'offset', 1)
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return {fresh and 1 or 0, unpack(redis.call('HMGET', KEYS[2], 'epoch', 'offset'))}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a topic: behind the message of that offset of an epoch."""

    epoch: str
    offset: int


_NOWHERE: Final = Place("", 0)


@dataclass(frozen=True, slots=True)
class Published:
    """A message as it was published."""

    offset: int
    payload: bytes
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class News:
    """What came behind a place, and the place behind that.

    ``lost``: messages are missing between the place that was asked for and the first of these.
    """

    messages: tuple[Published, ...]
    place: Place
    lost: bool


def connect(url: str) -> Client:
    """A client for the Redis at ``url``; it connects when it is first used."""
    return redis.Redis.from_url(
        url,
        protocol=2,
        # The bounds of `_answered` hold instead: redis-py's own use `asyncio.wait_for`, in which
        # Python 3.11 forgets a cancellation that comes at the wrong moment.
        socket_timeout=None,
        socket_connect_timeout=_ANSWER_WITHIN,
        # A connection that broke while it was idle is replaced; a server that is away is reported.
        retry=Retry(NoBackoff(), 1),
    )


async def announce(client: Client, topic: str) -> str:
    """Say that a message will come; returns what to publish it with.

    When it has not come within `ANNOUNCED_FOR` seconds, since its publisher was killed, readers see
    that something is lost.

    Raises:
        Unavailable: Redis does not answer.
    """
    announced = token_hex(8)
    async with _answered("publish", topic):
        await client.zadd(_announced(topic), {announced: time()})
    return announced


async def withdraw(client: Client, topic: str, announced: Sequence[str]) -> None:
    """Say that no message will come after all.

    Raises:
        Unavailable: Redis does not answer.
    """
    async with _answered("publish", topic):
        await client.zrem(_announced(topic), *announced)


async def publish(
    client: Client,
    topic: str,
    payload: bytes,
    *,
    about: Mapping[str, str] | None = None,
    keep: int,
    after_gap: bool = False,
    announced: Sequence[str] = (),
) -> int:
    """Append a message; returns its offset.

    Args:
        client: of `connect`.
        topic: its name.
        payload: the message.
        about: what a reader must know of the payload to read it.
        keep: about how many messages the topic remembers.
        after_gap: a message before this one could not be published; readers will see ``lost``.
        announced: the announcements, of `announce`, whose message this is.

    Raises:
        Unavailable: Redis did not take it.
    """
    fields: list[str | bytes] = [_PAYLOAD, payload]
    for name, value in (about or {}).items():
        fields += [name, value]
    step = 2 if after_gap else 1
    limits = (keep, _KEPT_FOR, _EPOCH_FOR, step)
    facts: list[str | bytes | int] = [token_hex(8), *limits, len(announced), *announced]
    keys = (_stream(topic), _epoch(topic), _announced(topic))
    async with _answered("publish", topic):
        return int(await _asked(client.eval(_PUBLISH, 3, *keys, *facts, *fields)))


async def start(client: Client, topic: str) -> Place:
    """Begin to listen; returns the place behind the newest message.

    Whatever happens from now on is published: what happened before is known by the time this
    returns, so who asks the database afterwards misses nothing between the two.

    Raises:
        Unavailable: Redis does not answer.
    """
    return await _heard(client, topic, *await _listen(client, topic, _NOWHERE))


async def read(client: Client, topic: str, after: Place, *, wait: float) -> News:
    """What was published behind ``after``: some messages, the oldest first; keeps listening.

    When messages are missing, what they told must be found elsewhere: the news have a place to go
    on from, as `start` does.

    Args:
        client: of `connect`.
        topic: its name.
        after: of `start` or of the news before.
        wait: seconds to wait for the first message, two at most; 0 does not wait.

    Raises:
        Unavailable: Redis does not answer.
    """
    unheard, newest = await _listen(client, topic, after)
    if unheard or newest.epoch != after.epoch or newest.offset < after.offset:
        return News((), await _heard(client, topic, unheard, newest), lost=True)
    entries = await _behind(client, topic, after.offset, wait=min(wait, _LONGEST_WAIT))
    if not entries:
        return News((), newest, lost=newest.offset > after.offset)
    if any(fields.get(_EPOCH, b"").decode() != after.epoch for _, fields in entries):
        return News((), await start(client, topic), lost=True)
    messages = tuple(_published(*entry) for entry in entries)
    place = Place(after.epoch, messages[-1].offset)
    return News(messages, place, lost=messages[0].offset > after.offset + 1)


class Interest:
    """Whether anybody listens to a topic, asked no more often than every `STALE` seconds."""

    def __init__(self, client: Client, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._known: bool | None = None
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def there(self) -> bool:
        """Whether a message would be read.

        Raises:
            Unavailable: Redis does not answer, or did not just before.
        """
        async with self._asking:  # who comes meanwhile waits for the answer
            now = monotonic()  # before asking: a reader counts on it that nobody believes longer
            if now >= self._until:
                self._known, self._until = None, now + STALE
                async with _answered("publish", self._topic):
                    self._known = bool(await _asked(self._client.exists(_readers(self._topic))))
            if self._known is None:
                raise Unavailable(f"cannot publish topic {self._topic}: Redis gave no answer")
            return self._known


async def _listen(client: Client, topic: str, known: Place) -> tuple[bool, Place]:
    """Say that somebody listens; whether nobody did before, and the place of the newest message."""
    keys = (_readers(topic), _epoch(topic), _stream(topic), _announced(topic))
    overdue = time() - ANNOUNCED_FOR
    facts = (token_hex(8), LISTENS_FOR, _EPOCH_FOR, known.epoch, known.offset, overdue)
    async with _answered("read", topic):
        answer = await _asked(client.eval(_LISTEN, 4, *keys, *facts))
    unheard, epoch, offset = answer
    return bool(unheard), Place(epoch.decode(), int(offset))


async def _heard(client: Client, topic: str, unheard: bool, place: Place) -> Place:  # noqa: FBT001
    """The place, once every publisher has noticed that somebody listens."""
    if not unheard:
        return place
    await asyncio.sleep(STALE)
    return (await _listen(client, topic, place))[1]


async def _behind(client: Client, topic: str, offset: int, *, wait: float) -> list[_Entry]:
    block = int(wait * 1000) or None  # to Redis 0 is for ever
    places: dict[Any, Any] = {_stream(topic): f"{offset}-0"}
    async with _answered("read", topic, within=wait + _ANSWER_WITHIN):
        answer: Any = await client.xread(places, count=_MOST_ENTRIES, block=block)
    return [entry for _, found in answer or () for entry in found]


def _published(place: bytes, fields: dict[bytes, bytes]) -> Published:
    about = {n.decode(): v.decode() for n, v in fields.items() if n not in {_PAYLOAD, _EPOCH}}
    return Published(int(place.partition(b"-")[0]), fields.get(_PAYLOAD, b""), about)


@asynccontextmanager
async def _answered(
    what: str, topic: str, *, within: float = _ANSWER_WITHIN
) -> AsyncIterator[None]:
    """Tell a failure of Redis, and its silence, in our own words."""
    try:
        async with asyncio.timeout(within):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        reason = str(error) or "Redis gives no answer"
        raise Unavailable(f"cannot {what} topic {topic}: {reason}") from error


async def _asked(answer: object) -> Any:
    """The answer to a command whose types redis-py leaves open between its two clients."""
    return await cast("Awaitable[Any]", answer)


def _stream(topic: str) -> str:
    return f"notilog:topic:{topic}"


def _epoch(topic: str) -> str:
    return f"notilog:topic:{topic}:epoch"


def _announced(topic: str) -> str:
    return f"notilog:topic:{topic}:announced"


def _readers(topic: str) -> str:
    return f"notilog:topic:{topic}:readers"
