"""Every child is killed in turn while reminders fall due and records arrive.

Afterwards: each record answered with 202 is stored exactly once, each reminder is decided exactly
once and arrives, and every child runs again by itself.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest

from tests.acceptance.conftest import email_settings
from tests.acceptance.mailbox import Mailbox, mailbox
from tests.acceptance.platform import CHILDREN, Platform, platform
from tests.acceptance.test_main_job import all_pages
from tests.servers.process import wait_until

pytestmark = pytest.mark.slow

BATCH = 50
PAUSE = 0.05
EVENTS = 240
EVENTS_PER_SECOND = 3
LEAD = timedelta(seconds=15)


class Writer(threading.Thread):
    """Posts batches without pause; a batch that got no answer is sent again under its key."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.stopping = threading.Event()
        self.accepted: list[str] = []
        self.refused: Counter[int] = Counter()

    def run(self) -> None:
        with self.client:
            self.write()

    def write(self) -> None:
        while not self.stopping.is_set():
            messages = [f"record {uuid4()}" for _ in range(BATCH)]
            self.post_until_accepted(messages, key=str(uuid4()))
            self.stopping.wait(PAUSE)

    def post_until_accepted(self, messages: list[str], *, key: str) -> None:
        records = [
            {"level": "info", "project": "faults", "module": "writer", "message": message}
            for message in messages
        ]
        while not self.stopping.is_set():
            try:
                answer = self.client.post("/logs", json=records, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                self.stopping.wait(0.1)
                continue
            if answer.status_code == 202:
                self.accepted += messages
                return
            self.refused[answer.status_code] += 1
            self.stopping.wait(0.1)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


def make_events(admin: httpx.Client) -> datetime:
    """Events whose reminders fall due a few every second; returns when the last does."""
    first = datetime.now(UTC) + LEAD + timedelta(minutes=1)
    start = first
    for number in range(EVENTS):
        start = first + timedelta(seconds=number / EVENTS_PER_SECOND)
        event = {
            "name": f"Event {number}",
            "start_time": start.isoformat(),
            "end_time": (start + timedelta(hours=1)).isoformat(),
            "notifications": [{"offset": "1m", "channel": "email"}],
        }
        answer = admin.post("/events", json=event)
        assert answer.status_code == 201, answer.text
    return start - timedelta(minutes=1)


def kill_and_await_recovery(started: Platform, box: Mailbox, writer: Writer, name: str) -> float:
    """Kill -9; returns the seconds until the child runs anew, mails arrive and records are taken.

    What counts must have happened after the child was back.
    """
    victim = started.child(name)
    killed_at = time.monotonic()
    victim.kill()
    wait_until(lambda: runs_anew(started, name, victim) and started.is_ready(), f"{name}'s return")
    mails, records = len(box.arrived()), len(writer.accepted)
    wait_until(
        lambda: len(box.arrived()) > mails and len(writer.accepted) > records,
        f"the work after {name}'s return",
        patience=60,
    )
    return time.monotonic() - killed_at


def runs_anew(started: Platform, name: str, victim: psutil.Process) -> bool:
    try:
        child = started.child(name)
    except ProcessLookupError:
        return False
    return (child.pid, child.create_time()) != (victim.pid, victim.create_time())


@pytest.mark.timeout(400)
def test_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path, box: Mailbox) -> None:
    with platform(tmp_path, **email_settings(box)) as started, started.admin() as admin:
        admin.patch("/users/admin", json={"email": "admin@example.org"})
        last_due = make_events(admin)
        writer = Writer(started.admin())
        writer.start()
        wait_until(lambda: bool(box.arrived()), "the first reminder", patience=60)
        recoveries = {
            name: kill_and_await_recovery(started, box, writer, name) for name in CHILDREN
        }
        writer.stopping.set()
        writer.join()
        remaining = (last_due - datetime.now(UTC)).total_seconds()
        assert remaining > 0, "reminders must fall due during every kill"
        wait_until(
            lambda: len({mail.id for mail in box.arrived()}) >= EVENTS,
            "the arrival of every reminder",
            patience=remaining + 90,
        )
        wait_until(
            lambda: len(all_pages(admin, project="faults", limit="1000")) >= len(writer.accepted),
            "the storing of every record",
            patience=90,
        )
        stored = Counter(r["message"] for r in all_pages(admin, project="faults", limit="1000"))
        deliveries = admin.get("/deliveries", params={"limit": 1000}).json()["items"]

    mails = Counter(mail.id for mail in box.arrived())
    repeated = sum(mails.values()) - len(mails)
    report(recoveries, writer, repeated)
    assert len(mails) == EVENTS
    assert Counter(delivery["status"] for delivery in deliveries) == {"sent": EVENTS}
    assert len({delivery["event_id"] for delivery in deliveries}) == EVENTS
    assert not [message for message in writer.accepted if stored[message] != 1]
    assert set(stored.values()) == {1}
    # A mail handed to the SMTP server whose worker died before writing that down is sent again,
    # under the same Message-ID. Only what was in flight in a single kill can be.
    assert repeated <= EVENTS_PER_SECOND


def report(recoveries: dict[str, float], writer: Writer, repeated: int) -> None:
    for name, seconds in recoveries.items():
        print(f"{name}: working again after {seconds:.1f} s")
    print(f"{len(writer.accepted)} records accepted, refused answers: {dict(writer.refused)}")
    print(f"{repeated} mails repeated in flight, under the same Message-ID")
