"""Whatever is sent, the answer is a problem that names the field and the reason; never a 5xx."""

import json
from collections.abc import AsyncIterator

import pytest
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import text

from api.main import living, make_app
from notilog import settings
from notilog.db.session import transaction
from tests.integration.conftest import BASE, Person

JSON = {"Content-Type": "application/json"}
BEN = {"login": "ben", "name": {"first": "Ben", "last": "Oak"}}


def refused(answer: Response, status: int) -> dict[str, object]:
    """The problem of an answer that must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert "Traceback" not in answer.text
    return dict(problem)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe\x00", 400),
        (b"\x80", 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 100_000, 400),
        (b"9" * 5_000, 400),
        (b'{"login": "x" "name": 1}', 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"1e999", 422),
        (b"NaN", 422),
        (b'{"login": ' + b"1" * 400 + b".0}", 422),
    ],
)
async def test_a_body_that_is_not_what_it_should_be(
    admin: Person, content: bytes, status: int
) -> None:
    problem = refused(await admin.api.post("users", content=content, headers=JSON), status)
    assert problem["detail"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "is nested too deeply"),
        (b"9" * 5_000, "holds a number with too many digits"),
        (b"\x80", "is not JSON: not UTF-8"),
    ],
)
async def test_a_body_that_cannot_be_read_is_named_with_the_reason(
    admin: Person, content: bytes, reason: str
) -> None:
    problem = refused(await admin.api.post("users", content=content, headers=JSON), 400)
    assert problem["errors"] == [{"field": "body", "reason": reason}]
    assert problem["detail"] == f"body {reason}"


BEYOND = ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize("moment", BEYOND)
async def test_an_instant_of_a_year_that_cannot_be_kept(ann: Person, moment: str) -> None:
    record = {"level": "info", "project": "shop", "module": "cart", "message": "m", "ts": moment}
    refused(await ann.api.post("logs", json=record), 422)
    for name in ("from", "to"):
        problem = refused(await ann.api.get("logs", params={name: moment}), 422)
        assert problem["detail"] == f"{name}: must be in the years 1 to 9999, in UTC"
    token = {"name": "shipper", "scopes": ["logs:write"], "expires_at": moment}
    problem = refused(await ann.api.post("tokens", json=token), 422)
    assert problem["detail"] == "expires_at: must be in the years 1 to 9999, in UTC"
    assert (await ann.api.get("tokens")).json()["items"] == []


async def test_what_is_stored_and_cannot_be_read_is_not_the_fault_of_the_caller(
    ann: Person,
) -> None:
    token = {"name": "shipper", "scopes": ["logs:write"]}
    assert (await ann.api.post("tokens", json=token)).status_code == 201
    async with transaction() as tx:
        await tx.execute(text("UPDATE api_tokens SET expires_at = '10000-01-01 00:00+00'"))
    refused(await ann.api.get("tokens"), 500)


async def test_what_the_server_refuses_is_not_storable(environment: pytest.MonkeyPatch) -> None:
    app = make_app()

    @app.get("/api/v1/refusal")
    async def refusal() -> None:
        async with transaction() as tx:
            await tx.execute(text("SELECT 'yesterday noon'::integer"))

    async with living(app), AsyncClient(transport=ASGITransport(app), base_url=BASE) as client:
        problem = refused(await client.get("refusal"), 422)
    assert "cannot be stored" in str(problem["detail"])


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "multipart/form-data", "x"])
async def test_a_body_in_another_format(admin: Person, kind: str) -> None:
    answer = await admin.api.post(
        "users", content=json.dumps(BEN).encode(), headers={"Content-Type": kind}
    )
    refused(answer, 415)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (rb'{"login": "a\u0000b", "name": {"first": "B", "last": "O"}}', "login"),
        (rb'{"login": "ben", "name": {"first": "\ud800", "last": "O"}}', "name.first"),
        (rb'{"login": "ben", "name": {"first": "\udc00\ud800", "last": "O"}}', "name.first"),
        (b'{"login": "ben", "name": {"first": "\xed\xa0\x80", "last": "O"}}', "name.first"),
        ('{"login": "ben", "email": "\\u0000"}'.encode("utf-16"), "email"),
        (rb'{"login": "ben", "\ud800": 1}', "body"),
        (rb'{"login": "ben", "work_days": [1, ["\u0000"]]}', "work_days.1.0"),
        (rb'{"login": "ben", "work_days": {"time_from": 1e999}}', "work_days.time_from"),
    ],
)
async def test_text_that_cannot_be_stored(admin: Person, content: bytes, field: str) -> None:
    problem = refused(await admin.api.post("users", content=content, headers=JSON), 422)
    assert field in str(problem["errors"])


async def test_characters_beyond_the_basic_plane_are_welcome(admin: Person) -> None:
    content = rb'{"login": "ben", "name": {"first": "\ud83d\ude00", "last": "\\u0000"}}'
    answer = await admin.api.post("users", content=content, headers=JSON)
    assert answer.status_code == 201
    assert answer.json()["name"] == {"first": "😀", "last": "\\u0000"}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("users/%00", "login"),
        ("users?login=a%00", "login"),
        ("users?cursor=%00", "cursor"),
        ("users?unknown=%00", "unknown"),
        ("users?limit=0", "limit"),
        ("users?limit=1001", "limit"),
        ("users?limit=99999999999999999999", "limit"),
        ("users?limit=x", "limit"),
    ],
)
async def test_a_path_or_query_that_is_wrong(admin: Person, path: str, field: str) -> None:
    problem = refused(await admin.api.get(path), 422)
    assert f"'{field}'" in str(problem["errors"])


@pytest.mark.parametrize(
    "path",
    ["nothing", "users/", "users/%ff", "users/..%2f..%2fetc%2fpasswd", "../../etc/passwd", "%00"],
)
async def test_a_path_that_leads_nowhere(admin: Person, path: str) -> None:
    refused(await admin.api.get(path), 404)


async def test_a_method_that_is_not_there(admin: Person) -> None:
    answer = await admin.api.put("users", json={})
    refused(answer, 405)
    assert answer.headers["allow"]


async def test_a_body_beyond_the_limit_is_not_read(admin: Person) -> None:
    too_much = b" " * (8 * 2**20 + 1)
    refused(await admin.api.post("users", content=too_much, headers=JSON), 413)

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 2**20

    refused(await admin.api.post("users", content=in_pieces(), headers=JSON), 413)


async def test_a_defect_is_told_by_its_request_only(environment: pytest.MonkeyPatch) -> None:
    app = make_app()

    @app.get("/api/v1/defect")
    async def defect() -> None:
        raise ZeroDivisionError("a detail")

    settings.load()
    async with AsyncClient(transport=ASGITransport(app), base_url=BASE) as client:
        answer = await client.get("defect", headers={"X-Request-Id": "abc-1"})
    problem = refused(answer, 500)
    assert "abc-1" in str(problem["detail"])
    assert "a detail" not in answer.text


async def test_every_answer_has_an_id_and_security_headers(anonymous: AsyncClient) -> None:
    for path in ("health/live", "nothing", "users"):
        answer = await anonymous.get(path, headers={"X-Request-Id": "bad\tid"})
        assert answer.headers["x-request-id"] != "bad\tid"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    given = await anonymous.get("health/live", headers={"X-Request-Id": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"


async def test_without_its_database_the_api_says_that_it_is_not_available(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("NOTILOG_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    environment.setenv("NOTILOG_DATABASE__ACQUIRE_TIMEOUT", "0.3")
    app = make_app()
    async with living(app), AsyncClient(transport=ASGITransport(app), base_url=BASE) as client:
        answer = await client.get("users", headers={"Authorization": "Bearer x"})
        refused(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        ready = refused(await client.get("health/ready"), 503)
    assert "database" in str(ready["detail"])
    assert "redis" not in str(ready["detail"])
