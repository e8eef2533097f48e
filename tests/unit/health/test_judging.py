"""What is wrong with the platform, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notilog.health.judging import Host, Seen, Worker, complaints

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUEUES = ("general", "logs")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


WELL = Seen(
    NOW,
    workers=[Worker("a", ("general",), 1, 200, ago(3)), Worker("b", ("logs",), 0, 20, ago(12))],
    nodes={"n": ago(1)},
    beat_at=ago(9),
    waiting={"general": 3, "logs": 999},
    hosts=[Host("db-1:5432", "master", used=1, most=21)],
)


def test_a_platform_that_is_well() -> None:
    assert complaints(WELL, queues=QUEUES) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"failing": ["database"]}, "database does not answer"),
        ({"beat_at": None}, "beat has never been heard of"),
        ({"beat_at": ago(61)}, "beat was last heard of 61 s ago"),
        ({"workers": WELL.workers[:1]}, "no worker consumes logs: start one with -Q logs"),
        ({"workers": []}, "no worker consumes general, logs"),
        ({"waiting": {"general": 1001}}, "1001 messages wait in general"),
        ({"nodes": {}}, "no process of the API gives signs of life: start `python -m api`"),
        ({"nodes": {"n": ago(90), "m": ago(36)}}, "the API was last heard of 36 s ago"),
        ({"hosts": [WELL.hosts[0], Host("db-2:5432", None)]}, "host db-2:5432 of the database"),
        ({"taken": "error and above"}, "error and above is taken"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], said: str) -> None:
    (complaint,) = complaints(replace(WELL, **changes), queues=QUEUES)
    assert said in complaint


def test_one_process_of_the_api_is_enough() -> None:
    seen = replace(WELL, nodes={"killed": ago(3600), "n": ago(35)})
    assert complaints(seen, queues=QUEUES) == []
    assert seen.living_nodes == ["n"]


def test_a_worker_that_fell_silent_consumes_nothing() -> None:
    silent = replace(WELL.workers[1], at=ago(36))
    seen = replace(WELL, workers=[WELL.workers[0], silent])
    assert complaints(seen, queues=QUEUES) == ["no worker consumes logs: start one with -Q logs"]
