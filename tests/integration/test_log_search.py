"""Records are found by every field, page by page, by those who may read them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from httpx import AsyncClient

from notilog.db.session import transaction
from notilog.logs.intake import Sent, accept
from notilog.logs.store import keep
from tests.integration.conftest import Person

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODULES = ("cart", "stock", "mail")
LEVELS = ("debug", "info", "warning", "error")


@pytest.fixture
async def records(ann: Person) -> list[dict[str, Any]]:
    """Forty records, three of them at each instant."""
    made = [
        {
            "ts": (NOON + timedelta(minutes=number // 3)).isoformat(),
            "level": LEVELS[number % 4],
            "project": "shop" if number % 5 else "bank",
            "module": MODULES[number % 3],
            "message": f"Order {number} was refused by the bank-card terminal",
            "host": "web-1",
            "order": number,
            "paid": number % 2 == 0,
        }
        for number in range(40)
    ]
    async with transaction() as tx:
        await keep(tx, [accept(Sent(json.dumps(made).encode()), now=NOON)])
    return made


async def found(api: AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    """Every page of a search."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        at = {"cursor": cursor} if cursor else {}
        answer = await api.get("logs", params={**filters, **at})
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        cursor = answer.json()["next"]
        if cursor is None:
            return items


def everything(_: int) -> bool:
    return True


def nothing(_: int) -> bool:
    return False


def orders(items: list[dict[str, Any]]) -> list[int]:
    return [item["attrs"]["order"] for item in items]


async def test_a_record_is_shown_with_every_field(
    ann: Person, records: list[dict[str, Any]]
) -> None:
    (shown,) = await found(ann.api, **{"attr.order": "7"})
    assert shown.pop("id")
    assert shown == {
        "ts": "2026-11-20T12:02:00Z",
        "level": "error",
        "project": "shop",
        "module": "stock",
        "message": "Order 7 was refused by the bank-card terminal",
        "host": "web-1",
        "attrs": {"order": 7, "paid": False},
        **dict.fromkeys(
            ("service", "environment", "logger", "trace_id", "span_id", "request_id", "stack_trace")
        ),
    }


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, everything),
        ({"project": "bank"}, lambda n: n % 5 == 0),
        ({"module": "mail"}, lambda n: n % 3 == 2),
        ({"level": "warn"}, lambda n: n % 4 == 2),
        ({"min_level": "WARNING"}, lambda n: n % 4 >= 2),
        ({"from": "2026-11-20T12:05:00Z"}, lambda n: n // 3 >= 5),
        ({"to": "2026-11-20T15:05:00+03:00"}, lambda n: n // 3 < 5),
        ({"q": "refused"}, everything),
        ({"q": "order -7"}, lambda n: n != 7),
        ({"q": '"order 7"'}, lambda n: n == 7),
        ({"q": "7 or 8"}, lambda n: n in {7, 8}),
        ({"q": "'; DROP TABLE log_records; --"}, nothing),
        ({"attr.paid": "true"}, lambda n: n % 2 == 0),
        ({"attr.paid": "true", "attr.order": "8"}, lambda n: n == 8),
        ({"attr.x' OR 1=1": "1"}, nothing),
        (
            {"project": "shop", "module": "cart", "min_level": "error"},
            lambda n: n % 12 == 3 and n % 5,
        ),
    ],
)
async def test_filters_narrow_the_search(
    ann: Person, records: list[dict[str, Any]], filters: dict[str, str], wanted: Any
) -> None:
    items = await found(ann.api, **filters, order="asc")
    assert orders(items) == [number for number in range(40) if wanted(number)]


@pytest.mark.parametrize("limit", [1, 7, 40, 1000])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_meet_every_record_once(
    ann: Person, records: list[dict[str, Any]], limit: int, order: str
) -> None:
    numbers = orders(await found(ann.api, limit=limit, order=order))
    assert numbers == sorted(range(40), reverse=order == "desc")


async def test_the_newest_come_first_and_new_ones_do_not_move_a_page(
    ann: Person, records: list[dict[str, Any]]
) -> None:
    first = (await ann.api.get("logs", params={"limit": 10})).json()
    late = {**records[0], "ts": (NOON + timedelta(days=1)).isoformat(), "order": 40}
    async with transaction() as tx:
        await keep(tx, [accept(Sent(json.dumps(late).encode()), now=NOON)])
    second = (await ann.api.get("logs", params={"limit": 10, "cursor": first["next"]})).json()
    assert orders(first["items"] + second["items"]) == list(range(39, 19, -1))
    back = {"limit": 5, "cursor": second["next"], "order": "asc"}
    assert orders((await ann.api.get("logs", params=back)).json()["items"]) == [21, 22, 23, 24, 25]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("level=loud", "level"),
        ("min_level=", "min_level"),
        ("from=2026-11-20T10:00:00", "from"),
        ("to=tomorrow", "to"),
        ("order=newest", "order"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%F0%9F%8E%89", "cursor"),
        ("cursor=____________________________________", "cursor"),
        ("colour=shop", "colour"),
        ("q=%00", "q"),
    ],
)
async def test_a_search_that_is_not_understood_is_refused(
    ann: Person, query: str, field: str
) -> None:
    answer = await ann.api.get(f"logs?{query}")
    assert answer.status_code == 422, answer.text
    assert field in answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def token(person: Person, *scopes: str, project: str | None = None) -> dict[str, str]:
    wanted = {"name": "t", "scopes": scopes, "project": project}
    answer = await person.api.post("tokens", json=wanted)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_a_token_of_one_project_reads_and_writes_only_there(
    ann: Person, anonymous: AsyncClient, records: list[dict[str, Any]]
) -> None:
    anonymous.headers.update(await token(ann, "logs:read", "logs:write", project="bank"))
    assert {item["project"] for item in await found(anonymous)} == {"bank"}
    assert await found(anonymous, project="shop") == []
    sent = [{**records[0], "project": project} for project in ("bank", "shop")]
    answer = await anonymous.post("logs", json=sent)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert answer.json()["rejected"][0]["index"] == 1
    assert (await anonymous.post("logs", json=sent[1:])).status_code == 422


async def test_reading_and_writing_are_rights_of_their_own(
    ann: Person, anonymous: AsyncClient
) -> None:
    assert (await anonymous.get("logs")).status_code == 401
    assert (await anonymous.post("logs", json={})).status_code == 401
    writes = await token(ann, "logs:write")
    assert (await anonymous.get("logs", headers=writes)).status_code == 403
    reads = await token(ann, "logs:read")
    assert (await anonymous.post("logs", json={}, headers=reads)).status_code == 403


async def test_bodies_are_refused_with_a_reason(ann: Person) -> None:
    for body, headers, status in (
        (b"", {}, 422),
        (b"[]", {}, 422),
        (b"{", {}, 422),
        (b"{}", {"Content-Type": "text/xml"}, 422),
        (b"{}", {"Content-Encoding": "br"}, 422),
        (b"{}", {"Idempotency-Key": ""}, 422),
        (b" " * (2**20 + 1), {}, 413),
        (b" " * (9 * 2**20), {}, 413),
    ):
        answer = await ann.api.post("logs", content=body, headers=headers)
        assert answer.status_code == status, (body[:10], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_search_that_takes_too_long_is_refused_with_advice(
    environment: pytest.MonkeyPatch, slow_person: Person
) -> None:
    answer = await slow_person.api.get("logs", params={"q": "order"})
    assert answer.status_code == 422
    assert "narrow it" in answer.json()["detail"]


@pytest.fixture
def slow_person(environment: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Person:
    """Somebody whose searches may take a millisecond, among many records."""
    environment.setenv("NOTILOG_LOGS__SEARCH_TIMEOUT", "0.001")
    request.getfixturevalue("many_records")
    person: Person = request.getfixturevalue("ann")
    return person


@pytest.fixture
def many_records(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO log_records (ts, id, level, project, module, message)"
            " SELECT now(), gen_random_uuid(), 20, 'p', 'm', repeat('some words ', 50)"
            " FROM generate_series(1, 5000)"
        )
