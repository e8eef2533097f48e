"""`notilog tail` shows what is stored, then what arrives: everything wanted, each once, at once."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from notilog import clock
from notilog import settings as schema
from notilog.config import Settings
from notilog.db.session import close_database, open_database, transaction
from notilog.errors import Invalid, Unavailable
from notilog.logs import partitions
from notilog.logs.connectors.connector import Handed
from notilog.logs.connectors.live import Live
from notilog.logs.filters import Filters
from notilog.logs.intake import Sent, accept
from notilog.logs.store import keep
from notilog.ops.tail import Wanted, attributes, tail
from tests.integration.conftest import Person
from tests.integration.log_traffic import Broker, Stored, record
from tests.integration.tailing import Shown, command, tailing
from tests.integration.waiting import until
from tests.servers import redis as redis_server
from tests.servers import worker as servers
from tests.servers.command import NOTILOG

TAILS = 5


class Storing:
    """What a worker does with records, whatever the broker is."""

    def __init__(self) -> None:
        self._live = Live()

    async def take(self, *records: dict[str, Any]) -> None:
        now = clock.now()
        batch = accept(Sent(json.dumps(records).encode()), now=now)
        await partitions.ensure(now)
        async with transaction() as tx:
            await keep(tx, [batch])
        await self._live.take([Handed(uuid4(), now, batch.rows)])

    async def close(self) -> None:
        await self._live.close()


@pytest.fixture
async def storing(database: None) -> AsyncIterator[Storing]:
    made = Storing()
    yield made
    await made.close()


@pytest.fixture
def with_live(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_LOGS__CONNECTORS", '["live"]')


async def test_stored_records_come_first_then_those_that_arrive(
    with_live: None, ann: Person, redis_url: str, database_url: str, tmp_path: Path
) -> None:
    broker, stored = Broker(redis_url), Stored(database_url)
    with servers.worker(tmp_path, "-Q", "logs"):
        broker.publish(json.dumps([record(f"old {number}") for number in range(20)]).encode())

        async def all_stored() -> bool:
            return stored.count() == 20

        await until(all_stored)
        with command(tmp_path, "--json", "-n", "3") as program:
            begin = ["old 17", "old 18", "old 19"]
            await program.shown.wait_for(*begin)
            answer = await ann.api.post("logs", json=record("from the API", attrs={"order": 18}))
            assert answer.status_code == 202
            await program.shown.wait_for(*begin, "from the API")
            newer = [f"newer {number}" for number in range(300)]
            broker.publish(json.dumps([record(message) for message in newer]).encode())
            await program.shown.wait_for(*begin, "from the API", *newer)
            assert program.interrupt() == 0
            assert program.err.read_text() == ""
    shown = program.shown.records()[3]
    assert (shown["level"], shown["project"], shown["attrs"]) == ("info", "shop", {"order": 18})


async def test_nothing_is_missing_and_nothing_comes_twice_where_both_meet(
    storing: Storing, tmp_path: Path
) -> None:
    stopping = asyncio.Event()
    sent: list[str] = []

    async def send() -> None:
        while not stopping.is_set():
            message = str(len(sent))
            await storing.take(record(message))
            sent.append(message)

    sending = asyncio.create_task(send())
    async with AsyncExitStack() as stack:
        tails: list[Shown] = []
        for number in range(TAILS):
            tails.append(await stack.enter_async_context(tailing(tmp_path / f"{number}")))
            await tails[-1].wait_for_lines(5 * len(tails))
        stopping.set()
        await sending
        for shown in tails:
            await shown.wait_for_lines(len(sent))
            assert sorted(shown.messages(), key=int) == sent


async def test_only_what_is_wanted_is_shown(storing: Storing, tmp_path: Path) -> None:
    wanted = record("order 18 refused", level="error", project="bank", attrs={"paid": False})
    others = [
        {**wanted, "project": "shop"},
        {**wanted, "module": "stock"},
        {**wanted, "level": "warning"},
        {**wanted, "attrs": {"paid": True}},
        {**wanted, "message": "Order refused"},
    ]
    await storing.take(*others, {**wanted, "host": "old"}, *others)
    filters = Filters(
        project="bank", module="cart", min_level="ERROR", attrs=attributes(["paid=false"])
    )
    async with tailing(tmp_path / "out", filters=filters, pattern=r"^order \d+", last=2) as shown:
        await shown.wait_for("order 18 refused")
        await storing.take(*others)
        await storing.take({**wanted, "host": "new"}, *others)
        await shown.wait_for("order 18 refused", "order 18 refused")
    assert [one["host"] for one in shown.records()] == ["old", "new"]


async def test_lines_are_for_people_and_plain_outside_of_a_terminal(
    environment: pytest.MonkeyPatch, storing: Storing, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_LOGS__CONSOLE__MODULES", '["level", "message", "stack_trace"]')
    environment.setenv("NOTILOG_LOGS__CONSOLE__SEPARATOR", "\x1b[2J")
    schema.load()
    await storing.take(record("\x1b[31mred\nERROR forged", stack_trace="one\ntwo\x07"))
    async with tailing(tmp_path / "out", as_json=False) as shown:
        await shown.wait_for_lines(3)
        assert shown.lines() == ["INFO     \\x1b[31mred\\nERROR forged", "    one", "    two\\x07"]
        assert "NOTILOG_LOGS__CONSOLE__SEPARATOR" in shown.notices.getvalue()
        assert "\x1b" not in shown.notices.getvalue()


async def test_it_ends_when_its_reader_does(storing: Storing, tmp_path: Path) -> None:
    await storing.take(record("read"))
    process = subprocess.Popen(  # noqa: ASYNC220  it is started in a moment
        (NOTILOG, "tail"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    assert b"read" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_what_is_not_understood_is_refused_at_the_start(settings: Settings) -> None:
    wanted = Wanted(Filters(min_level="loud"), None, last=0, as_json=False, no_color=False)
    with pytest.raises(Invalid, match="min_level: no such level"):
        tail(settings, wanted)
    with pytest.raises(Invalid, match="'paid' is not KEY=VALUE"):
        attributes(["a=b", "paid"])


async def test_without_redis_it_does_not_begin(
    environment: pytest.MonkeyPatch, database: None, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_REDIS_URL", "redis://127.0.0.1:1/0")
    schema.load()
    with pytest.raises(Unavailable, match="cannot read topic logs"):
        async with tailing(tmp_path / "out") as shown:
            await shown.ended.wait()


@pytest.fixture
async def redis_folder(environment: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Path]:
    """Where a Redis of this test's own can run, and run again; the settings name it."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server.server(folder) as made:
        environment.setenv("NOTILOG_REDIS_URL", made.url)
    await open_database(schema.load())
    yield folder
    await close_database()


async def test_after_an_outage_of_redis_everything_is_shown(
    redis_folder: Path, tmp_path: Path
) -> None:
    storing = Storing()
    async with AsyncExitStack() as stack:
        with redis_server.server(redis_folder):
            await storing.take(record("before"))
            shown = await stack.enter_async_context(tailing(tmp_path / "out"))
            await shown.wait_for("before")
            await storing.take(record("live"))
            await shown.wait_for("before", "live")
        await shown.wait_for_notice("waiting for it")
        await storing.take(record("meanwhile"))
        with redis_server.server(redis_folder):
            await storing.take(record("soon after"))
            await shown.wait_for("before", "live", "meanwhile", "soon after")
            assert shown.notices.getvalue().count("\n") == 1
            await stack.aclose()
    await storing.close()


async def test_after_redis_was_wiped_everything_is_shown(
    storing: Storing, redis_url: str, tmp_path: Path
) -> None:
    async with tailing(tmp_path / "out") as shown:
        await storing.take(record("a"))
        await shown.wait_for("a")
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        await storing.take(record("b"))
        await storing.take(record("c"))
        await shown.wait_for("a", "b", "c")
