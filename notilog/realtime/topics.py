"""Topics on Redis: messages in the order of their offsets, for readers that listen now.

A message that nobody would read is not sent: readers say that they listen (`listen`), publishers
ask (`Interest`). What a topic has lost is noticed by its readers, never hidden from them: a Redis
that was wiped, and a time in which nobody listened, end the topic's epoch.
"""

from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic
from typing import Any, Final, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from notilog.errors import Unavailable

Client = redis.Redis

STALE: Final = 0.25
"""Seconds for which a publisher may still believe that nobody listens."""
LISTENS_FOR: Final = 300
"""Seconds after its last `listen` for which a reader counts as one that listens."""

_ANSWER_WITHIN: Final = 5.0
_LONGEST_WAIT: Final = 2.0
_KEPT_FOR: Final = 900
_EPOCH_FOR: Final = 86_400
_MOST_ENTRIES: Final = 20
_PAYLOAD: Final = b"payload"

# KEYS: stream, epoch. ARGV: a new epoch, most entries, seconds for each key, how far the offset
# moves, then the fields. Offsets have no holes, so that a reader can tell what it has missed.
_PUBLISH: Final = """
if redis.call('HSETNX', KEYS[2], 'epoch', ARGV[1]) == 1 then
  redis.call('DEL', KEYS[1])
end
local offset = redis.call('HINCRBY', KEYS[2], 'offset', ARGV[5])
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], offset .. '-0', unpack(ARGV, 6))
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return offset
"""
# KEYS: readers, epoch. ARGV: seconds for each key. Nothing was published while nobody listened.
_LISTEN: Final = """
redis.call('EXPIRE', KEYS[2], ARGV[2])
if redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then
  redis.call('DEL', KEYS[2])
  return 1
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 0
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a topic: behind the message of that offset; epoch "" has had none."""

    epoch: str
    offset: int


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
        socket_timeout=_ANSWER_WITHIN,
        socket_connect_timeout=_ANSWER_WITHIN,
        # A connection that broke while it was idle is replaced; a server that is away is reported.
        retry=Retry(NoBackoff(), 1),
    )


async def publish(
    client: Client,
    topic: str,
    payload: bytes,
    *,
    about: Mapping[str, str] | None = None,
    keep: int,
    after_gap: bool = False,
) -> int:
    """Append a message; returns its offset.

    Args:
        client: of `connect`.
        topic: its name.
        payload: the message.
        about: what a reader must know of the payload to read it.
        keep: about how many messages the topic remembers.
        after_gap: a message before this one could not be published; readers will see ``lost``.

    Raises:
        Unavailable: Redis did not take it.
    """
    fields: list[str | bytes] = [_PAYLOAD, payload]
    for name, value in (about or {}).items():
        fields += [name, value]
    step = 2 if after_gap else 1
    limits = (keep, _KEPT_FOR, _EPOCH_FOR, step)
    keys = (_stream(topic), _epoch(topic))
    with _told("publish", topic):
        return int(await _asked(client.eval(_PUBLISH, 2, *keys, token_hex(8), *limits, *fields)))


async def listen(client: Client, topic: str) -> bool:
    """Say that somebody listens, for the next `LISTENS_FOR` seconds.

    Returns whether nobody did before: then publishers need `STALE` seconds to notice, and every
    earlier place in the topic has lost messages.

    Raises:
        Unavailable: Redis does not answer.
    """
    with _told("read", topic):
        keys = (_readers(topic), _epoch(topic))
        return bool(await _asked(client.eval(_LISTEN, 2, *keys, LISTENS_FOR, _EPOCH_FOR)))


async def end(client: Client, topic: str) -> Place:
    """The place behind the newest message.

    Raises:
        Unavailable: Redis does not answer.
    """
    with _told("read", topic):
        epoch, offset = await _asked(client.hmget(_epoch(topic), ["epoch", "offset"]))
    return Place((epoch or b"").decode(), int(offset or 0))


async def read(client: Client, topic: str, after: Place, *, wait: float) -> News:
    """What was published behind ``after``: some messages, the oldest first.

    Args:
        client: of `connect`.
        topic: its name.
        after: of `end` or of the news before.
        wait: seconds to wait for the first message, two at most; 0 does not wait.

    Raises:
        Unavailable: Redis does not answer.
    """
    newest = await end(client, topic)
    # A topic that had no message when its end was asked for has an epoch since its first one.
    another = bool(after.epoch) and newest.epoch != after.epoch
    if another or newest.offset < after.offset:
        return News((), newest, lost=True)
    messages = await _behind(client, topic, after.offset, wait=min(wait, _LONGEST_WAIT))
    if not messages:
        return News((), newest, lost=newest.offset > after.offset)
    place = Place(newest.epoch, messages[-1].offset)
    return News(messages, place, lost=messages[0].offset > after.offset + 1)


class Interest:
    """Whether anybody listens to a topic, asked no more often than every `STALE` seconds."""

    def __init__(self, client: Client, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._known = False
        self._until = 0.0

    async def there(self) -> bool:
        """Whether a message would be read.

        Raises:
            Unavailable: Redis does not answer; asked again within `STALE`, it is not.
        """
        now = monotonic()  # before asking: a reader counts on it that nobody believes longer
        if now >= self._until:
            self._known, self._until = False, now + STALE
            with _told("publish", self._topic):
                self._known = bool(await _asked(self._client.exists(_readers(self._topic))))
        return self._known


async def _behind(client: Client, topic: str, offset: int, *, wait: float) -> tuple[Published, ...]:
    block = int(wait * 1000) or None  # to Redis 0 is for ever
    places: dict[Any, Any] = {_stream(topic): f"{offset}-0"}
    with _told("read", topic):
        answer: Any = await client.xread(places, count=_MOST_ENTRIES, block=block)
    return tuple(_published(*entry) for _, found in answer or () for entry in found)


def _published(place: bytes, fields: dict[bytes, bytes]) -> Published:
    about = {name.decode(): text.decode() for name, text in fields.items() if name != _PAYLOAD}
    return Published(int(place.partition(b"-")[0]), fields.get(_PAYLOAD, b""), about)


@contextmanager
def _told(what: str, topic: str) -> Iterator[None]:
    """Tell a failure of Redis in our own words."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable(
            f"cannot {what} topic {topic}: {error or type(error).__name__}"
        ) from error


async def _asked(answer: object) -> Any:
    """The answer to a command whose types redis-py leaves open between its two clients."""
    return await cast("Awaitable[Any]", answer)


def _stream(topic: str) -> str:
    return f"notilog:topic:{topic}"


def _epoch(topic: str) -> str:
    return f"notilog:topic:{topic}:epoch"


def _readers(topic: str) -> str:
    return f"notilog:topic:{topic}:readers"
