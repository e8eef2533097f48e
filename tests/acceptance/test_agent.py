"""A log is written at 10,000 lines a second and rotated twice while the API is killed.

Afterwards every line is stored once, in the order of the file.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.platform import Platform, platform
from tests.acceptance.test_main_job import all_pages
from tests.integration.agent_program.programs import agent
from tests.servers.process import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LINES = 60_000
PER_SECOND = 10_000
STEP = 100
ROTATE_AT = (LINES // 3, 2 * LINES // 3)
KILL_AT = LINES // 2


class Writer(threading.Thread):
    """Writes numbered lines at an even rate and renames the file twice."""

    def __init__(self, log: Path) -> None:
        super().__init__(daemon=True)
        self.log = log
        self.written = 0

    def run(self) -> None:
        began = time.monotonic()
        file = self.log.open("a")
        while self.written < LINES:
            file.writelines(f"line {self.written + number}\n" for number in range(STEP))
            file.flush()
            self.written += STEP
            if self.written in ROTATE_AT:
                file.close()
                self.log.rename(f"{self.log}.{len(ROTATE_AT) - ROTATE_AT.index(self.written)}")
                file = self.log.open("a")
            time.sleep(max(0.0, began + self.written / PER_SECOND - time.monotonic()))
        file.close()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path) as made:
        yield made


def enrolment_code(admin: httpx.Client) -> str:
    answer = admin.post("/agents/enrolments")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


def agents(admin: httpx.Client) -> list[dict[str, Any]]:
    return list(admin.get("/agents").json()["items"])


def tell(admin: httpx.Client, settings: dict[str, Any]) -> None:
    """Give the only agent these settings."""
    wait_until(lambda: bool(agents(admin)), "the enrolment")
    answer = admin.patch(f"/agents/{agents(admin)[0]['id']}", json={"settings": settings})
    assert answer.status_code == 200, answer.text


def test_every_line_is_stored_once_and_in_order(started: Platform, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "app.log"
    log.parent.mkdir()
    log.touch()
    settings = {"files": [{"path": str(log), "project": "agent-test", "module": "app"}]}
    with started.admin() as admin:
        code = enrolment_code(admin)
        state = tmp_path / "agent"
        with agent(started.url, state, "--code", code):
            tell(admin, settings)
            wait_until((state / "positions.json").exists, "the log is known")
            writer = Writer(log)
            writer.start()
            wait_until(lambda: writer.written >= KILL_AT, "half of the lines")
            started.child("api").kill()
            writer.join()
            wait_until(started.is_ready, "the API's return", patience=60)
            wait_until(lambda: last_line(admin) == LINES - 1, "the last line", patience=120)
            wait_until(lambda: not list(state.glob("spool/*.batch")), "an empty spool")
        wait_until(lambda: len(numbers(admin)) >= LINES, "every line", patience=60)
        assert numbers(admin) == list(range(LINES))


def last_line(admin: httpx.Client) -> int:
    page = admin.get("/logs", params={"project": "agent-test", "limit": "1"})
    items = page.json()["items"] if page.status_code == 200 else []
    return number_of(items[0]) if items else -1


def numbers(admin: httpx.Client) -> list[int]:
    """Of the stored lines, in the order of their times and ids."""
    found = all_pages(admin, project="agent-test", limit="1000")
    return [number_of(record) for record in reversed(found)]


def number_of(record: dict[str, Any]) -> int:
    return int(record["message"].removeprefix("line "))
