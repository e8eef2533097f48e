"""The channel ``kafka`` against a broker, and against what is none."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from notilog.errors import SendFailed
from notilog.notifications.channels.channel import Message, Recipient
from notilog.notifications.channels.kafka import CLOSING, Config, KafkaChannel
from tests.integration.sent_messages import message
from tests.outside.certificates import server_context
from tests.outside.kafka import Broker, Record, broker, refusing_broker

ANN = Recipient(login="ann")
LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def channel(address: str, **changes: Any) -> AsyncIterator[KafkaChannel]:
    chosen = {"bootstrap_servers": address, "topic": "notices", "timeout": 10.0, **changes}
    made = KafkaChannel(Config.model_validate(chosen))
    try:
        yield made
    finally:
        await made.close()


async def failure(sender: KafkaChannel, sent: Message | None = None) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await sender.send(sent or message(), ANN)
    return caught.value


async def records(brokers: Broker, topic: str, *, count: int) -> list[Record]:
    return await asyncio.to_thread(brokers.records, topic, until=lambda found: len(found) >= count)


async def arrived(brokers: Broker, sent: Message) -> None:
    """Returns when the topic holds it, beside whatever was given up and came all the same."""
    key = str(sent.id)
    await asyncio.to_thread(
        brokers.records, "notices", until=lambda found: key in {one.key for one in found}
    )


@pytest.fixture(scope="module")
def brokers() -> Iterator[Broker]:
    with broker() as made:
        yield made


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Accepts connections, reads, and says nothing."""
    open_ones: set[asyncio.Task[None]] = set()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(asyncio.create_task(hang(reader, writer)))

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    async with server:
        yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*open_ones)


def left_behind() -> list[asyncio.Task[Any]]:
    """Tasks of the channel and of aiokafka."""
    names = ("channels/kafka.py", "aiokafka")
    return [task for task in asyncio.all_tasks() if any(name in repr(task) for name in names)]


async def test_a_record_is_for_programs_to_read(brokers: Broker) -> None:
    sent = replace(message(), data={"name": "Планёрка"})
    async with channel(brokers.address, topic="read") as sender:
        await sender.send(sent, ANN)
        await sender.send(sent, ANN)
    first, again = await records(brokers, "read", count=2)
    assert first.key == again.key == str(sent.id)
    assert first.headers == {"content-type": b"application/json", "type": b"reminder"}
    assert first.value == {
        "type": "reminder",
        "timestamp": "2026-06-01T07:45:00Z",
        "data": {"name": "Планёрка", "login": "ann", "title": sent.title, "text": sent.text},
    }


async def test_many_messages_at_once_share_a_producer(brokers: Broker) -> None:
    sent = [message() for _ in range(200)]
    async with channel(brokers.address, topic="many") as sender:
        await asyncio.gather(*(sender.send(one, ANN) for one in sent))
    found = await records(brokers, "many", count=200)
    assert sorted(one.key for one in found) == sorted(str(one.id) for one in sent)


async def test_a_message_that_is_too_large_is_not_tried_again(brokers: Broker) -> None:
    async with channel(brokers.address, topic="large") as sender:
        error = await failure(sender, replace(message(), text="x" * 2_000_000))
        assert error.permanent
        assert "TooLarge" in str(error)
        await sender.send(message(), ANN)


async def test_nobody_listens_and_then_somebody_does(brokers: Broker) -> None:
    async with silent_server() as gone:
        _, writer = await asyncio.open_connection(*gone.split(":"))
        writer.close()
    async with channel(gone) as sender:
        error = await failure(sender)
        assert (error.permanent, str(error)) == (False, "Kafka: KafkaConnectionError")
    async with channel(f"{gone},{brokers.address}") as sender:
        await sender.send(message(), ANN)


async def test_a_failed_start_leaves_nothing_behind() -> None:
    async with silent_server() as address, channel(address, timeout=0.5) as sender:
        errors = await asyncio.gather(*(failure(sender) for _ in range(3)))
        assert not any(error.permanent for error in errors)
        assert not (await failure(sender)).permanent
        await sender.close()
    assert left_behind() == []


async def test_a_broker_that_freezes_is_given_up_and_used_again_later() -> None:
    loop = asyncio.get_running_loop()
    with broker() as brokers:
        async with channel(brokers.address, timeout=2.0) as sender:
            await sender.send(message(), ANN)
            brokers.freeze()
            begun = loop.time()
            errors = await asyncio.gather(*(failure(sender) for _ in range(3)))
            assert {str(error) for error in errors} == {"Kafka: no answer within 2 s"}
            assert not any(error.permanent for error in errors)
            assert loop.time() - begun < 2.0 + CLOSING
            brokers.thaw()
            last = message()
            await sender.send(last, ANN)
        await arrived(brokers, last)


async def test_a_broker_that_is_gone_does_not_hold_up_the_end() -> None:
    with broker() as brokers:
        async with channel(brokers.address, timeout=1.0) as sender:
            await sender.send(message(), ANN)
            brokers.process.kill()
            assert not (await failure(sender)).permanent
    assert left_behind() == []


async def test_a_message_can_be_cancelled_at_any_point() -> None:
    with broker() as brokers:
        async with channel(brokers.address) as sender:
            await sender.send(message(), ANN)
            brokers.freeze()
            sending = asyncio.create_task(sender.send(message(), ANN))
            await asyncio.sleep(0)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            starting = asyncio.create_task(sender.send(message(), ANN))
            await asyncio.sleep(0)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            brokers.thaw()
            last = message()
            await sender.send(last, ANN)
        await arrived(brokers, last)
    assert left_behind() == []


async def test_the_password_is_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="aiokafka.conn")
    secret = {"username": "notilog", "password": "s3cr3t-word"}
    async with (
        refusing_broker() as guard,
        channel(guard.address, security_protocol="SASL_PLAINTEXT", **secret) as sender,
    ):
        error = await failure(sender)
    assert guard.told == [b"notilog\0notilog\0s3cr3t-word"]
    assert not error.permanent
    assert "Unable connect" in caplog.text
    assert "s3cr3t" not in f"{error}{error.__cause__}{caplog.text}"


async def test_a_server_whose_certificate_is_not_trusted_gets_nothing(tmp_path: Path) -> None:
    context, _ = server_context(tmp_path)

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pytest.fail("the connection was accepted")

    server = await asyncio.start_server(taken, LOOPBACK, 0, ssl=context)
    async with server:
        address = f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        async with channel(address, security_protocol="SSL") as sender:
            assert not (await failure(sender)).permanent


async def test_certificates_that_cannot_be_read_are_a_temporary_failure() -> None:
    async with channel("h:1", security_protocol="SSL", ca_file="/nowhere.pem") as sender:
        error = await failure(sender)
    assert (error.permanent, str(error)) == (False, "Kafka: FileNotFoundError")


def missing(**given: str) -> list[str]:
    names = KafkaChannel(Config.model_validate(given)).missing()
    return [name.removeprefix("NOTILOG_CHANNELS__KAFKA__") for name in names]


def test_it_says_what_it_needs() -> None:
    assert missing() == ["BOOTSTRAP_SERVERS", "TOPIC"]
    assert missing(bootstrap_servers="h:1", topic="t") == []
    secured = missing(bootstrap_servers="h:1", topic="t", security_protocol="SASL_SSL")
    assert secured == ["USERNAME", "PASSWORD"]


@pytest.mark.parametrize("given", ["h", "h:0", "h:65536", "h:x", "h:1,", "http://h:1", "a b:1"])
def test_a_server_without_a_port_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="host:port"):
        Config.model_validate({"bootstrap_servers": given})


@pytest.mark.parametrize("given", ["a/b", ".", "..", "тема", "x" * 250, "a\n"])
def test_a_topic_that_kafka_would_refuse_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="letters"):
        Config.model_validate({"topic": given})


def test_several_servers_may_be_named() -> None:
    given = Config.model_validate({"bootstrap_servers": "a-1.b:9092, [::1]:9093"})
    assert given.bootstrap_servers == "a-1.b:9092,[::1]:9093"
