"""A record that has just arrived matches filters exactly when the search would find it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from notilog.db.session import transaction
from notilog.logs.filters import Filters
from notilog.logs.intake import Sent, accept
from notilog.logs.matching import matches
from notilog.logs.search import search
from notilog.logs.store import keep
from notilog.logs.stored import StoredRecord, records_in
from notilog.users.caller import Caller

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADMIN = Caller(UUID(int=0), "admin", "admin", scopes=None, project=None)
VALUES: tuple[Any, ...] = (
    *("text", "", "18", "true", 'a "b" \\ \n\t é 🎉'),
    *(18, -1, 0, 12345678901234567890123, 2.5, 1.0, -0.0, 1e30, 1.5e-7, 1e-300),
    *(True, False, None),
    *([], {}, [1, [2.50, None]], {"bb": 1, "a": {"é": "\x7f", "c": False}, "aa": "€\b"}),
)


def made(number: int, value: object) -> dict[str, Any]:
    return {
        "ts": (NOON + timedelta(minutes=number)).isoformat(),
        "level": ("trace", "debug", "info", "notice", "warning", "error", "critical")[number % 7],
        "project": "shop" if number % 5 else "bank",
        "module": ("cart", "stock")[number % 2],
        "message": f"order {number}",
        **({"host": "web-1"} if number % 3 else {}),
        **({"attrs": {"value": value, "odd": number % 2}} if number % 4 else {}),
    }


@pytest.fixture
async def records(database: None) -> list[StoredRecord]:
    sent = [made(number, value) for number, value in enumerate(VALUES * 2)]
    sent += [made(1, value) for value in VALUES]
    batch = accept(Sent(json.dumps(sent).encode()), now=NOON)
    async with transaction() as tx:
        await keep(tx, [batch])
    return records_in(batch.rows)


async def found(filters: Filters) -> set[UUID]:
    async with transaction() as tx:
        page = await search(tx, ADMIN, filters=filters, order="asc", limit=1000)
    return {row.id for row in page.records}


async def test_both_agree(records: list[StoredRecord]) -> None:
    at = NOON + timedelta(minutes=7)
    values = {value if isinstance(value, str) else json.dumps(value) for value in VALUES}
    written = {"1.00", "-0", "1", "10e29", "0.0e1", "None", "null ", '"text"', "[1]", "[[", "x"}
    asked = [
        Filters(),
        Filters(project="bank"),
        Filters(project=""),
        Filters(module="cart", level="ERR"),
        Filters(host="web-1"),
        Filters(host="web-2"),
        Filters(level="35"),
        Filters(min_level="notice"),
        Filters(min_level="critical", project="shop"),
        Filters(since=at),
        Filters(until=at),
        Filters(since=at, until=at + timedelta(microseconds=1)),
        Filters(attrs={"odd": "1", "value": "18"}),
        Filters(attrs={"odd": "true"}),
        Filters(attrs={"none": ""}),
        *(Filters(attrs={"value": value}) for value in values | written),
    ]
    for filters in asked:
        matching = {record.id for record in records if matches(filters, record)}
        assert matching == await found(filters), filters
