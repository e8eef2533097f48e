"""Records travel from a request, or from any program, through the broker into the database."""

import gzip
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notilog import clock
from tests.integration.conftest import Person
from tests.integration.log_traffic import Broker, Stored, record
from tests.sample import ssh_lines
from tests.servers import worker as servers
from tests.servers.process import wait_until
from tests.servers.worker import Worker
from workers.log_marks import send_mark

pytestmark = pytest.mark.timeout(120)

BACKLOG = 70


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(
    request: pytest.FixtureRequest, environment: pytest.MonkeyPatch, redis_url: str
) -> Broker:
    url = redis_url
    if request.param == "rabbitmq":
        url = request.getfixturevalue("rabbitmq_url")
        environment.setenv("NOTILOG_BROKER_URL", url)
    environment.setenv("NOTILOG_LOGS__CLAIM_AFTER", "1")
    environment.setenv("NOTILOG_LOGS__BACKLOG_BATCHES", str(BACKLOG))
    made = Broker(url)
    made.forget()
    return made


@pytest.fixture
def writer(broker: Broker, request: pytest.FixtureRequest) -> Person:
    """Somebody who sends through that broker: the API starts after it is chosen."""
    person: Person = request.getfixturevalue("ann")
    return person


@pytest.fixture
def worker(broker: Broker, tmp_path: Path) -> Iterator[Worker]:
    with servers.worker(tmp_path, "-Q", "logs") as made:
        yield made


@pytest.fixture
def stored(database_url: str) -> Stored:
    return Stored(database_url)


def ssh_records() -> list[dict[str, object]]:
    lines = ssh_lines()
    moments = (datetime(2025, 12, 10, 6, tzinfo=UTC).isoformat() for _ in itertools.count())
    return [
        record(line, project="ssh", ts=moment, pid=line.partition("[")[2].partition("]")[0])
        for line, moment in zip(lines, moments, strict=False)
    ]


async def test_two_thousand_lines_arrive_each_once(
    writer: Person, worker: Worker, stored: Stored, broker: Broker
) -> None:
    records = ssh_records()
    assert len(records) == 2000
    answer = await writer.api.post("logs", json=records)
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 2000
    assert answer.json()["rejected"] == []
    wait_until(lambda: stored.count() == 2000, "storing")
    assert stored.messages() == Counter(record["message"] for record in records)
    wait_until(lambda: broker.waiting() == 0, "the broker's being told")
    of_24200 = sum(record["pid"] == "24200" for record in records)
    found = await writer.api.get("logs", params={"attr.pid": "24200", "limit": 1000})
    assert len(found.json()["items"]) == of_24200


async def test_a_repetition_under_the_same_key_is_stored_once_and_answered_alike(
    writer: Person, worker: Worker, stored: Stored
) -> None:
    sent = [record("once"), {"level": "info"}]
    headers = {"Idempotency-Key": "order-18"}
    answers = [await writer.api.post("logs", json=sent, headers=headers) for _ in range(3)]
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].json()["accepted"] == 1
    await writer.api.post("logs", json=record("later"))
    wait_until(lambda: stored.messages()["later"] == 1, "storing")
    wait_until(lambda: stored.messages()["once"] == 1, "storing")
    assert stored.count("log_batches") == 2


async def test_other_records_under_a_used_key_are_stored_too(
    writer: Person, broker: Broker, worker: Worker, stored: Stored
) -> None:
    headers = {"Idempotency-Key": "order-18"}
    first, other = json.dumps(record("first")).encode(), json.dumps(record("other")).encode()
    for body in (first, other, first):
        answer = await writer.api.post("logs", content=body, headers=headers)
        assert answer.status_code == 202
    packed = gzip.compress(other)
    answer = await writer.api.post(
        "logs", content=packed, headers={**headers, "Content-Encoding": "gzip"}
    )
    assert answer.status_code == 202
    await writer.api.post("logs", json=record("last"))
    wait_until(lambda: len(stored.messages()) == 3, "storing")
    wait_until(lambda: broker.waiting() == 0, "the broker's being told")
    assert stored.messages() == {"first": 1, "other": 1, "last": 1}


async def test_a_key_is_the_senders_own(
    writer: Person, admin: Person, worker: Worker, stored: Stored
) -> None:
    for person in (writer, admin):
        headers = {"Idempotency-Key": "1"}
        answer = await person.api.post("logs", json=record(person.login), headers=headers)
        assert answer.status_code == 202
    wait_until(lambda: stored.count() == 2, "storing both")


async def test_a_worker_killed_in_the_middle_loses_nothing_and_repeats_nothing(
    writer: Person, broker: Broker, stored: Stored, tmp_path: Path
) -> None:
    sent: Counter[str] = Counter()
    with ExitStack() as workers:
        running = workers.enter_context(servers.worker(tmp_path, "-Q", "logs", name="first"))
        for number in range(60):
            messages = [f"{number}-{place}" for place in range(500)]
            answer = await writer.api.post("logs", json=[record(message) for message in messages])
            assert answer.status_code == 202
            sent.update(messages)
            if number in {20, 40}:
                wait_until(lambda: stored.count() > 0, "the first rows")
                running.process.kill()
                running = workers.enter_context(
                    servers.worker(tmp_path, "-Q", "logs", name=f"after-{number}")
                )
        wait_until(lambda: stored.count() >= sum(sent.values()), "storing all")
        wait_until(lambda: broker.waiting() == 0, "the broker's being told")
    assert stored.messages() == sent


async def test_broken_database_connections_lose_nothing(
    writer: Person, broker: Broker, worker: Worker, stored: Stored
) -> None:
    sent: Counter[str] = Counter()
    for number in range(30):
        messages = [f"{number}-{place}" for place in range(500)]
        answer = await writer.api.post("logs", json=[record(message) for message in messages])
        assert answer.status_code == 202
        sent.update(messages)
        stored.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE '%COPY%'"
            " AND pid <> pg_backend_pid()"
        )
    wait_until(lambda: stored.count() >= sum(sent.values()), "storing all")
    wait_until(lambda: broker.waiting() == 0, "the broker's being told")
    assert stored.messages() == sent


async def test_other_programs_publish_json_and_what_is_wrong_is_kept_with_the_reason(
    broker: Broker, worker: Worker, stored: Stored
) -> None:
    broker.publish(json.dumps(record("alone")).encode())
    broker.publish(
        json.dumps([record("first"), record("bad", level="loud"), record("second")]).encode()
    )
    broker.publish(json.dumps(record("beyond", ts="9999-12-31T23:59:59-12:00")).encode())
    broker.publish(b"this is not JSON")
    broker.publish(b"")
    wait_until(lambda: stored.count() == 3, "storing")
    wait_until(lambda: stored.count("log_rejects") == 4, "keeping the rejects")
    assert set(stored.messages()) == {"alone", "first", "second"}
    rejects = stored.rows("SELECT position, reason, payload FROM log_rejects ORDER BY payload")
    assert rejects[0][2] == b""
    assert rejects[1][2] == b"this is not JSON"
    assert "malformed" in rejects[1][1]
    assert "ts: must be in the years 1 to 9999" in rejects[2][1]
    assert json.loads(rejects[2][2])["message"] == "beyond"
    assert rejects[3][0] == 1
    assert "no such level" in rejects[3][1]
    assert json.loads(rejects[3][2])["message"] == "bad"


async def test_a_message_id_of_another_program_is_stored_once(
    broker: Broker, worker: Worker, stored: Stored
) -> None:
    for _ in range(3):
        broker.publish(json.dumps(record("once")).encode(), message_id="m-1")
    broker.publish(json.dumps(record("last")).encode(), message_id="m-2")
    wait_until(lambda: stored.messages()["last"] == 1, "storing")
    wait_until(lambda: broker.waiting() == 0, "the broker's being told")
    assert stored.messages()["once"] == 1


async def test_a_mark_says_until_when_all_was_stored(
    writer: Person, worker: Worker, broker: Broker, stored: Stored
) -> None:
    await writer.api.post("logs", json=record("before"))
    wait_until(lambda: stored.messages() == {"before": 1}, "storing")
    begun = clock.now()
    await send_mark(broker.url)
    wait_until(lambda: done_until(stored) >= begun - timedelta(milliseconds=1), "the mark")
    assert done_until(stored) <= clock.now()
    wait_until(lambda: broker.waiting() == 0, "the broker's being told")
    assert stored.count("log_rejects") == 0


def done_until(stored: Stored) -> datetime:
    """Until when everything was stored; no mark at all is long ago."""
    found = stored.rows("SELECT done_until FROM log_progress")
    return found[0][0] if found else datetime(2000, 1, 1, tzinfo=UTC)


async def test_too_many_waiting_batches_are_refused_and_the_others_kept(
    writer: Person, broker: Broker, stored: Stored, tmp_path: Path
) -> None:
    accepted = 0
    while True:
        answer = await writer.api.post("logs", json=record(f"waits {accepted}"))
        if answer.status_code == 503:
            break
        assert answer.status_code == 202
        accepted += 1
    assert accepted >= BACKLOG
    assert answer.headers["retry-after"]
    assert "wait to be stored" in answer.json()["detail"]
    with servers.worker(tmp_path, "-Q", "logs"):
        wait_until(lambda: stored.count() == accepted, "storing what was accepted")


@pytest.fixture(params=["redis://127.0.0.1:1/0", "amqp://127.0.0.1:1//"])
def without_broker(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> Person:
    environment.setenv("NOTILOG_BROKER_URL", request.param)
    person: Person = request.getfixturevalue("ann")
    return person


async def test_without_a_broker_nothing_is_accepted(without_broker: Person) -> None:
    answer = await without_broker.api.post("logs", json=record("refused"))
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]


async def test_what_comes_shortly_after_one_another_is_stored_together(
    environment: pytest.MonkeyPatch,
    broker: Broker,
    stored: Stored,
    tmp_path: Path,
    database: None,
) -> None:
    """Within the time for gathering, and no more at once than a worker may have from RabbitMQ."""
    environment.setenv("NOTILOG_LOGS__GATHER_MS", "1000")
    environment.setenv("NOTILOG_LOGS__QUEUE_PREFETCH", "4")
    environment.setenv("NOTILOG_LOGS__LANES", "1")
    with servers.worker(tmp_path, "-Q", "logs"):
        broker.publish(json.dumps(record("first")).encode())
        wait_until(lambda: stored.count() == 1, "the first, stored at once")
        for number in range(4):
            broker.publish(json.dumps(record(f"then {number}")).encode())
        wait_until(lambda: stored.count() == 5, "storing")
    groups = [n for (n,) in stored.rows("SELECT count(*) FROM log_records GROUP BY xmin::text")]
    assert len(groups) < 5
    assert max(groups) <= (4 if broker.is_redis else 2)
