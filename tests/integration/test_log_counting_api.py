"""Histograms and facets, from the counts and among the records: both say the same."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from notilog.db.session import transaction
from notilog.logs import counts
from notilog.logs.intake import Sent, accept
from notilog.logs.store import keep
from notilog.logs.tables import LogCountRow
from tests.integration.conftest import Person

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DAY = {"from": "2026-11-19T10:00:00Z", "to": "2026-11-20T10:00:00Z"}


async def store(records: Sequence[dict[str, Any]]) -> None:
    async with transaction() as tx:
        await keep(tx, [accept(Sent(json.dumps(records).encode()), now=NOW)])


def made(number: int) -> dict[str, Any]:
    return {
        "ts": (NOW - timedelta(minutes=7 * number + 1, seconds=number)).isoformat(),
        "level": ("info", "error", "debug")[number % 3],
        "project": ("shop", "bank")[number % 2],
        "module": f"m{number % 5}",
        "message": f"record {number}",
        "host": f"h{number % 4}",
    }


async def histogram(person: Person, **query: Any) -> dict[str, Any]:
    answer = await person.api.get("logs/histogram", params={**DAY, **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    "narrowed", [{}, {"project": "shop"}, {"min_level": "info", "module": "m1"}]
)
@pytest.mark.parametrize("interval", ["5m", "1h", "1d", "90m"])
async def test_counts_and_records_say_the_same(
    admin: Person, interval: str, narrowed: dict[str, str]
) -> None:
    await store([made(number) for number in range(200)])
    from_counts = await histogram(admin, interval=interval, **narrowed)
    among_records = await histogram(admin, interval=interval, q="record", **narrowed)
    assert from_counts == among_records
    assert sum(bucket["total"] for bucket in from_counts["buckets"]) > 0


async def test_intervals_shorter_than_a_minute_are_counted_too(admin: Person) -> None:
    await store([made(number) for number in range(20)])
    found = await histogram(admin, interval="30s", **{"from": "2026-11-20T09:30:00Z"})
    starts = [bucket["start"] for bucket in found["buckets"]]
    assert starts == [
        "2026-11-20T09:30:30Z",
        "2026-11-20T09:37:30Z",
        "2026-11-20T09:44:30Z",
        "2026-11-20T09:51:30Z",
        "2026-11-20T09:59:00Z",
    ]


async def test_what_is_asked_wrongly_names_the_field(admin: Person) -> None:
    for query, field in (
        ({"interval": "1s"}, "interval"),
        ({"interval": "soon"}, "interval"),
        ({"interval": "0m"}, "interval"),
        ({"from": "0001-01-01T00:00:00Z", "to": "0001-01-01T12:00:00Z", "interval": "11d"}, "from"),
        ({"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T23:00:00Z", "interval": "7d"}, "from"),
        ({"from": "2026-11-21T00:00:00Z"}, "from"),
        ({"level": "loud"}, "level"),
    ):
        refused = await admin.api.get("logs/histogram", params={**DAY, **query})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == field
    refused = await admin.api.get("logs/facets", params={"field": "message"})
    assert refused.status_code == 422


async def test_facets_of_any_field(admin: Person) -> None:
    await store([made(number) for number in range(40)])
    query = {"field": ["level", "host"], "project": "shop"}
    found = (await admin.api.get("logs/facets", params=query)).json()
    assert found["sampled"] is False
    assert found["fields"]["host"] == [
        {"value": "h0", "records": 10},
        {"value": "h2", "records": 10},
    ]
    by_level = {one["value"]: one["records"] for one in found["fields"]["level"]}
    narrowed = (await admin.api.get("logs/facets", params={**query, "q": "record"})).json()
    assert {one["value"]: one["records"] for one in narrowed["fields"]["level"]} == by_level
    assert sum(by_level.values()) == 20


async def test_merged_counts_are_few_and_the_same(admin: Person) -> None:
    for _ in range(5):
        await store([{**made(number), "id": None} for number in range(30)])
    before = await histogram(admin, interval="5m")
    async with transaction() as tx:
        rows = await tx.scalar(select(func.count()).select_from(LogCountRow))
        assert await counts.merge(tx, NOW + timedelta(hours=1))
        assert not await counts.merge(tx, NOW + timedelta(hours=1))
        assert await tx.scalar(select(func.count()).select_from(LogCountRow)) == (rows or 0) // 5
        size = await tx.scalar(text("SELECT sum(bytes) FROM log_counts"))
    assert await histogram(admin, interval="5m") == before
    assert size > 150 * 10
