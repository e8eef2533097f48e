"""The channel ``kafka``: a JSON record for programs, with the delivery's id as its key."""

import asyncio
import inspect
import logging
import re
from dataclasses import dataclass
from ssl import create_default_context
from typing import Any, ClassVar, Literal

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from pydantic import Field, SecretStr, field_validator

from notilog.config import HIGHEST_PORT, Section
from notilog.errors import SendFailed
from notilog.notifications.channels.channel import Markup, Message, Recipient
from notilog.notifications.channels.record import record

TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
PERMANENT = (
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
CLOSING = 1.0


class Config(Section):
    """A cluster and a topic of it; without both the channel is not configured."""

    section: ClassVar[str] = "channels.kafka"

    bootstrap_servers: str = Field(
        "", description="host:port of a broker; several with commas between"
    )
    topic: str = Field("", description="where every message goes")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    username: str = ""
    password: SecretStr = SecretStr("")
    ca_file: str = Field("", description="certificates to trust instead of the system's")
    timeout: float = Field(10.0, ge=0.1, le=20, description="seconds until a message is accepted")
    concurrency: int = Field(100, ge=1, le=1000, description="messages on their way at once")

    @field_validator("bootstrap_servers")
    @classmethod
    def _servers(cls, value: str) -> str:
        servers = [one.strip() for one in value.split(",")] if value else []
        for one in servers:
            found = SERVER.fullmatch(one)
            if found is None or not 0 < int(found["port"]) <= HIGHEST_PORT:
                raise ValueError("must be host:port, several with commas between")
        return ",".join(servers)

    @field_validator("topic")
    @classmethod
    def _legal(cls, value: str) -> str:
        if value and TOPIC.fullmatch(value) is None:
            raise ValueError("may have up to 249 letters, digits, dots, dashes and underscores")
        return value

    @property
    def needed(self) -> dict[str, str]:
        """What must be set, by its name."""
        always = {"BOOTSTRAP_SERVERS": self.bootstrap_servers, "TOPIC": self.topic}
        if not self.security_protocol.startswith("SASL"):
            return always
        password = self.password.get_secret_value()
        return {**always, "USERNAME": self.username, "PASSWORD": password}


@dataclass(eq=False, slots=True)
class _Line:
    """A producer, and how many messages are on their way through it."""

    producer: AIOKafkaProducer
    users: int = 0


class KafkaChannel:
    """One producer for all messages, until it fails one of them.

    An idempotent producer of aiokafka repeats what it was given until it succeeds or is gone. So
    once a message had to be given up, no other goes the same way: the next one starts another
    producer, and the first ends when nothing is on its way through it any more.
    """

    label: ClassVar[str] = "Kafka"
    markup: ClassVar[Markup] = ""
    settings: ClassVar[type[Section]] = Config

    def __init__(self, config: Config) -> None:
        self._config = config
        self._line: _Line | None = None
        self._start = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def concurrency(self) -> int:
        return self._config.concurrency

    @staticmethod
    def recipient(to: str) -> Recipient:
        return Recipient(login=to)

    def missing(self) -> tuple[str, ...]:
        needed = self._config.needed
        return tuple(f"NOTILOG_CHANNELS__KAFKA__{name}" for name in needed if not needed[name])

    async def send(self, message: Message, to: Recipient) -> None:
        try:
            async with asyncio.timeout(self._config.timeout):
                await self._produce(message, to)
        except TimeoutError as error:
            raise SendFailed(f"Kafka: no answer within {self._config.timeout:g} s") from error
        except (KafkaError, OSError) as error:
            raise SendFailed(
                f"Kafka: {type(error).__name__}", permanent=isinstance(error, PERMANENT)
            ) from error

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            self._end(line.producer)
        if self._endings:
            await asyncio.wait(self._endings)

    async def _produce(self, message: Message, to: Recipient) -> None:
        line = await self._joined()
        try:
            await line.producer.send_and_wait(
                self._config.topic,
                record(message, to),
                key=str(message.id).encode(),
                headers=[("content-type", b"application/json"), ("type", message.kind.encode())],
            )
        except PERMANENT:
            raise
        except BaseException:
            self._line = None if self._line is line else self._line
            raise
        finally:
            line.users -= 1
            if not line.users and line is not self._line:
                self._end(line.producer)

    async def _joined(self) -> _Line:
        async with self._start:
            if self._line is None:
                self._line = _Line(await self._started())
            self._line.users += 1
            return self._line

    async def _started(self) -> AIOKafkaProducer:
        producer = _producer(self._config)
        try:
            await producer.start()
        except BaseException:
            self._end(producer)
            raise
        return producer

    def _end(self, producer: AIOKafkaProducer) -> None:
        """Apart from the message that failed, which may be cancelled or have no time left."""
        ending = asyncio.create_task(_ended(producer))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


def _producer(config: Config) -> AIOKafkaProducer:
    encrypted = config.security_protocol.endswith("SSL")
    return AIOKafkaProducer(
        bootstrap_servers=config.bootstrap_servers,
        client_id="notilog",
        acks="all",
        enable_idempotence=True,
        # Less than a message has, so that aiokafka itself gives up on a silent broker in time.
        request_timeout_ms=int(config.timeout * 500),
        security_protocol=config.security_protocol,
        ssl_context=create_default_context(cafile=config.ca_file or None) if encrypted else None,
        sasl_mechanism=config.sasl_mechanism,
        sasl_plain_username=config.username,
        sasl_plain_password=config.password.get_secret_value(),
    )


async def _ended(producer: AIOKafkaProducer) -> None:
    """Let go of a producer at once, whatever it waits for.

    Its own ``stop`` comes back only when everything it was given is delivered, so never when the
    broker is gone. Nothing is worth that wait: each message was accepted, or was given up.
    """
    at_work = [task for task in asyncio.all_tasks() if _works_for(task, producer)]
    for task in at_work:
        task.cancel()
    if at_work:
        await asyncio.wait(at_work, timeout=CLOSING)
    producer._closed = True  # noqa: SLF001  otherwise it complains that stop was not called
    try:
        async with asyncio.timeout(CLOSING):
            await producer.client.close()
    except TimeoutError:
        pass  # a peer that reads nothing does not let its connection close either


def _works_for(task: "asyncio.Task[Any]", producer: AIOKafkaProducer) -> bool:
    """Whether it is a background task of the producer; aiokafka keeps no list of them."""
    work = task.get_coro()
    if not inspect.iscoroutine(work):
        return False
    owner = inspect.getcoroutinelocals(work).get("self")
    return owner is producer.client or owner is producer._sender  # noqa: SLF001


def _tells_no_request(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


# At "debug" aiokafka shows every request as it is sent, and one of them holds the password.
logging.getLogger("aiokafka.conn").addFilter(_tells_no_request)
