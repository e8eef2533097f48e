"""The worker shows records on its standard output, and waits for nobody who reads it slowly."""

import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from notilog import clock
from notilog import settings as schema
from notilog.logs.connectors.connector import Handed
from notilog.logs.connectors.console import WAITING, OnConsole
from notilog.logs.intake import Sent, accept
from tests.integration.log_traffic import record
from tests.integration.waiting import until


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://localhost/notilog")
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://localhost/0")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("NOTILOG_LOGS__CONSOLE__MODULES", '["level", "message"]')
    schema.load()


def handed(*messages: str) -> Handed:
    body = json.dumps([record(message) for message in messages]).encode()
    return Handed(uuid4(), clock.now(), accept(Sent(body), now=clock.now()).rows)


async def test_records_are_shown_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    console = OnConsole()
    await console.take([handed("one", "\x1b[31mtwo €"), handed("three")])
    await console.take([handed("four")])
    await console.close()
    assert capfd.readouterr().out.splitlines() == [
        "INFO     one",
        "INFO     \\x1b[31mtwo €",
        "INFO     three",
        "INFO     four",
    ]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


async def test_a_reader_that_stands_still_stops_nobody(pipe: tuple[int, int]) -> None:
    reads, writes = pipe
    console = OnConsole(writes)
    large = "x" * 60_000
    room = WAITING // len(large)
    for number in range(2 * room):
        await console.take([handed(f"{number} {large}")])
    os.set_blocking(reads, False)
    received = bytearray()

    def reading(text: bytes) -> Callable[[], Awaitable[bool]]:
        async def read() -> bool:
            with suppress(BlockingIOError):
                received.extend(os.read(reads, 2**20))
            return text in received

        return read

    await until(reading(b"were not shown: standard output is slow)\n"))
    await console.take([handed("last")])
    await until(reading(b"last\n"))
    await console.close()
    lines = received.decode().splitlines()
    assert lines[0].startswith("INFO     0 x")
    assert lines[-1].endswith("last")
    assert room <= len(lines) - 2 < 2 * room


async def test_a_reader_that_went_away_is_told_of_once(
    pipe: tuple[int, int], capfd: pytest.CaptureFixture[str]
) -> None:
    reads, writes = pipe
    console = OnConsole(writes)
    spare = os.dup(reads)
    os.dup2(os.open(os.devnull, os.O_RDONLY), reads)
    os.close(spare)
    for number in range(3):
        await console.take([handed(f"{number}")])
    await console.close()
    assert capfd.readouterr().out.count("records_not_shown") == 1
