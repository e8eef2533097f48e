"""A reminder and two thousand log records travel all the way, as users would send them."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.acceptance.mailbox import Mail, Mailbox
from tests.acceptance.platform import Platform
from tests.sample import ssh_lines
from tests.servers.command import NOTILOG, environment
from tests.servers.process import wait_until

PEOPLE = ("anna", "boris", "clara", "denis")
MONTH_AND_DAY = "%b %d %H:%M:%S"


def make_person(admin: httpx.Client, login: str) -> None:
    person = {
        "login": login,
        "name": {"first": login.title(), "last": "Tester"},
        "password": f"password of {login}",
        "email": f"{login}@example.org",
    }
    answer = admin.post("/users", json=person)
    assert answer.status_code == 201, answer.text


def person_client(platform: Platform, login: str) -> httpx.Client:
    return platform.client(platform.sign_in(login, f"password of {login}"))


@pytest.mark.timeout(150)
def test_an_email_reminder_arrives_on_time_once_for_each_who_has_not_declined(
    running_platform: Platform, smtp_server: Mailbox
) -> None:
    with running_platform.admin() as admin:
        for login in PEOPLE:
            make_person(admin, login)
    start = datetime.now(UTC) + timedelta(minutes=2)
    due = start - timedelta(minutes=1)
    with person_client(running_platform, "anna") as anna:
        answer = anna.post(
            "/events",
            json={
                "name": "Planning of the week",
                "start_time": start.isoformat(),
                "end_time": (start + timedelta(hours=1)).isoformat(),
                "notifications": [{"offset": "1m", "channel": "email"}],
                "participants": list(PEOPLE[1:]),
            },
        )
    assert answer.status_code == 201, answer.text
    event = answer.json()["id"]
    with person_client(running_platform, "clara") as clara:
        declined = clara.put(f"/events/{event}/participants/clara", json={"decision": "no"})
    assert declined.status_code == 200, declined.text

    wait_until(lambda: len(mails_of(smtp_server)) >= 3, "the mails' arrival", patience=90)

    with running_platform.admin() as admin:
        deliveries = admin.get("/deliveries", params={"event_id": event}).json()["items"]
    arrived = mails_of(smtp_server)
    assert Counter(mail.recipients for mail in arrived) == {
        (f"{login}@example.org",): 1 for login in ("anna", "boris", "denis")
    }
    for mail in arrived:
        assert 0 <= mail.arrived - due.timestamp() < 2
        assert "Planning of the week" in str(mail.message["Subject"])
    assert {(d["login"], d["status"]) for d in deliveries if d["kind"] == "reminder"} == {
        ("anna", "sent"),
        ("boris", "sent"),
        ("denis", "sent"),
    }


def mails_of(box: Mailbox) -> list[Mail]:
    """The reminders; invitations say first who invites."""
    return [mail for mail in box.arrived() if str(mail.message["Subject"]).startswith("Planning")]


def ssh_records() -> list[dict[str, Any]]:
    """The sample's lines as records: its year is not in the file, so one is chosen."""
    records = []
    for line in ssh_lines():
        moment = datetime.strptime(f"2025 {line[:15]}", f"%Y {MONTH_AND_DAY}").replace(tzinfo=UTC)
        host, _, rest = line[16:].partition(" ")
        process, _, message = rest.partition(": ")
        records.append(
            {
                "ts": moment.isoformat(),
                "level": "warning" if "failure" in message or "Invalid" in message else "info",
                "project": "ssh",
                "module": process.partition("[")[0],
                "host": host,
                "message": message,
                "pid": process.partition("[")[2].rstrip("]"),
            }
        )
    return records


def all_pages(client: httpx.Client, **filters: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get("/logs", params={**filters, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200, page.text
        items += page.json()["items"]
        cursor = page.json()["next"]
        if cursor is None:
            return items


def test_two_thousand_records_are_found_by_filters_and_paging(running_platform: Platform) -> None:
    records = ssh_records()
    assert len(records) == 2000
    with running_platform.admin() as admin:
        answer = admin.post("/logs", json=records)
        assert answer.status_code == 202, answer.text
        assert answer.json()["accepted"] == 2000
        wait_until(lambda: len(all_pages(admin, project="ssh", limit="1000")) == 2000, "storing")

        stored = all_pages(admin, project="ssh", limit="150")
        by_level = all_pages(admin, project="ssh", level="warning", limit="100")
        by_pid = all_pages(admin, project="ssh", **{"attr.pid": "24200"})
        by_text = all_pages(admin, project="ssh", q='"Invalid user"', limit="500")
        by_time = all_pages(
            admin, project="ssh", **{"from": "2025-12-10T09:00:00Z", "to": "2025-12-10T10:00:00Z"}
        )

    expected = Counter(record["message"] for record in records)
    assert Counter(record["message"] for record in stored) == expected
    assert len({record["id"] for record in stored}) == 2000
    assert len(by_level) == sum(record["level"] == "warning" for record in records)
    assert len(by_pid) == sum(record["pid"] == "24200" for record in records)
    assert by_text
    assert all("invalid user" in record["message"].lower() for record in by_text)
    assert len(by_time) == sum("T09:" in record["ts"] for record in records)


def test_a_half_valid_batch_keeps_its_valid_half_and_lists_the_rest(
    running_platform: Platform,
) -> None:
    good = {"level": "info", "project": "half", "module": "m", "message": "kept"}
    with running_platform.admin() as admin:
        answer = admin.post("/logs", json=[good, {"level": "info"}, good, {**good, "level": "x"}])
        assert answer.status_code == 202, answer.text
        assert answer.json()["accepted"] == 2
        assert [rejected["index"] for rejected in answer.json()["rejected"]] == [1, 3]
        wait_until(lambda: len(all_pages(admin, project="half")) == 2, "storing the valid half")


def test_the_celery_cli_reaches_every_worker(running_platform: Platform) -> None:
    answer = subprocess.run(
        (sys.executable, "-m", "celery", "-A", "workers.app", "inspect", "ping", "--json"),
        env={**os.environ, "NOTILOG_STATE_DIR": str(running_platform.state)},
        capture_output=True,
        text=True,
        check=True,
    )
    nodes = {name.partition("@")[0] for name in json.loads(answer.stdout)}
    assert nodes == {"general", "logs", "observers"}


def test_flower_demands_a_password(running_platform: Platform) -> None:
    assert httpx.get(running_platform.flower_url, timeout=10).status_code == 401


def test_status_shows_that_all_is_well(running_platform: Platform) -> None:
    def status() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            (NOTILOG, "status", "--state-dir", str(running_platform.state)),
            env=environment(COLUMNS="200"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    wait_until(lambda: "All is well" in status().stdout, "a platform that is well", patience=90)
    done = status()
    assert done.returncode == 0
    for name in ("general@", "logs@", "observers@", "api ", "beat", "notilog.logs"):
        assert name in done.stdout
    assert re.search(r"127\.0\.0\.1:\d+ .* primary .* \d+ of \d+", done.stdout)
    assert re.search(r"Broker: version .*append-only file", done.stdout)
    assert re.search(r"Redis: version .*append-only file", done.stdout)
    assert re.search(r"Observers: (none|\d+ )", done.stdout)
    assert re.search(r"Agents: (none|\d+ )", done.stdout)
    assert re.search(r"Disk: .*, everything is taken", done.stdout)
    assert len(done.stdout.splitlines()) <= 40
