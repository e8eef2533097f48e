"""The OpenAPI document says everything that the API really answers."""

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from httpx import AsyncClient
from hypothesis import HealthCheck, assume, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from notilog import clock
from notilog.db.session import transaction
from notilog.users import accounts, tokens
from notilog.users.accounts import Name, NewAccount
from notilog.users.caller import Caller
from notilog.users.tokens import NewToken
from tests.servers.api import api

EXAMPLES = 8
LONGEST_LINE = 60_000


async def test_the_page_is_shown_under_a_strict_policy(anonymous: AsyncClient) -> None:
    page = await anonymous.get("http://notilog.test/docs")
    assert page.status_code == 200
    assert "swagger-ui" in page.text
    assert "unsafe" not in page.headers["content-security-policy"].partition("style-src")[0]


async def test_patterns_mean_the_same_in_every_language(anonymous: AsyncClient) -> None:
    document = (await anonymous.get("http://notilog.test/openapi.json")).text
    assert '"pattern"' in document
    assert not re.search(r"\\\\[AzZ]", document), "anchors that only Python knows"


async def test_the_page_needs_nothing_from_other_hosts(anonymous: AsyncClient) -> None:
    page = await anonymous.get("http://notilog.test/docs")
    needed = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(needed) >= 3
    for path in needed:
        assert (await anonymous.get(f"http://notilog.test{path}")).status_code == 200


async def test_every_refusal_is_documented_as_a_problem(anonymous: AsyncClient) -> None:
    document = (await anonymous.get("http://notilog.test/openapi.json")).json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            refusals = {code: one for code, one in operation["responses"].items() if code >= "400"}
            assert {"422", "500", "503"} <= set(refusals)
            for refusal in refusals.values():
                assert list(refusal["content"]) == ["application/problem+json"]


@pytest.fixture
async def token(database: None) -> str:
    """A token that may do everything but end a session."""
    async with transaction() as tx:
        new = NewAccount(login="admin", name=Name(first="Ad", last="Min"), role="admin")
        row = await accounts.create(tx, new, password_hash=None)
        caller = Caller(row.id, row.login, row.role, scopes=None, project=None)
        everything = NewToken(name="all", scopes=["admin"])
        return (await tokens.mint(tx, caller, new=everything, now=clock.now())).token


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_no_input_is_answered_with_a_failure_or_anything_undocumented(
    token: str, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with api(tmp_path) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        for operation in schema.get_all_operations():
            assert isinstance(operation, Ok)
            for mode in GenerationMode:
                _try_out(operation.ok(), mode, headers)


def _try_out(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, headers: dict[str, str]
) -> None:
    takes_anything = bool(operation.body) or any(operation.iter_parameters())
    if mode.is_negative and not takes_anything:
        return

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def tried(case: schemathesis.Case[Any]) -> None:
        # A longer line is refused by the HTTP server, before there is a request to answer.
        assume(len(case.as_curl_command()) < LONGEST_LINE)
        case.call_and_validate(headers=headers, checks=CHECKS)

    tried()
