"""A record that has just arrived matches filters exactly when the search would find it."""

import json
from collections.abc import Sequence
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
VALUES: Sequence[Any] = (
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


async def texts(key: str) -> set[str]:
    """Every text that PostgreSQL makes of the attribute."""
    async with transaction() as tx:
        page = await search(tx, ADMIN, filters=Filters(), order="asc", limit=1000)
        driver = await (await tx.connection()).exec_driver_sql(
            "SELECT DISTINCT attrs ->> %s FROM log_records", (key,)
        )
    assert page.records
    return {text for (text,) in driver if text is not None}


async def test_both_agree(records: list[StoredRecord]) -> None:
    at = NOON + timedelta(minutes=7)
    values = await texts("value")
    assert len(values) == len(VALUES) - 3  # null is none, and 18 and true are texts as well
    asked = [
        Filters(),
        Filters(project="bank"),
        Filters(project=""),
        Filters(module="cart", level="ERR"),
        Filters(level="35"),
        Filters(min_level="notice"),
        Filters(min_level="critical", project="shop"),
        Filters(since=at),
        Filters(until=at),
        Filters(since=at, until=at + timedelta(microseconds=1)),
        Filters(attrs={"odd": "1", "value": "18"}),
        Filters(attrs={"none": ""}),
        *(Filters(attrs={"value": value}) for value in values | {"null", "1.00", "[]", "None"}),
    ]
    for filters in asked:
        matching = {record.id for record in records if matches(filters, record)}
        assert matching == await found(filters), filters
