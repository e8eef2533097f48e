"""The OpenAPI document: FastAPI's own, with every refusal said as the API really answers it."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.errors import MEDIA_TYPE, Problem, problems

WITH_BODY = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
WITH_JSON = (HTTPStatus.UNSUPPORTED_MEDIA_TYPE,)
SIGNED_IN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
ALWAYS = (
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def install(app: FastAPI) -> None:
    """Make ``app`` describe itself with `document`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def document(app: FastAPI) -> dict[str, Any]:
    described = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operation in _operations(described):
        _document_refusals(operation)
    return described


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in described.get("paths", {}).values():
        yield from path.values()


def _document_refusals(operation: dict[str, Any]) -> None:
    statuses = [*ALWAYS]
    body = operation.get("requestBody")
    if body:
        statuses += WITH_BODY
        statuses += WITH_JSON if "application/json" in body["content"] else ()
    if operation.get("security"):
        statuses += SIGNED_IN
    responses = operation["responses"]
    documented = {str(status): answer for status, answer in problems(*statuses).items()}
    if MEDIA_TYPE not in responses.get("422", {}).get("content", {}):
        responses.pop("422", None)  # FastAPI's own shape of it
    operation["responses"] = dict(sorted({**documented, **responses}.items()))
