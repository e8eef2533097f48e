"""Every refusal as RFC 9457 problem JSON; the only place that knows HTTP codes of errors."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from kombu.exceptions import OperationalError as BrokerError
from pydantic import BaseModel, Field
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.exc import DataError, InterfaceError
from sqlalchemy.exc import OperationalError as DatabaseError
from starlette.exceptions import HTTPException

from notilog.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    NotilogError,
    SendFailed,
    Stale,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SOON = 5.0

STATUSES: Final[dict[type[NotilogError], HTTPStatus]] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Stale: HTTPStatus.PRECONDITION_FAILED,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
}

SERVERS_AWAY: Final = (
    BrokerError,
    RedisConnectionError,
    RedisTimeoutError,
    DatabaseError,
    InterfaceError,
)


class RefusedField(BaseModel):
    """One field that was refused: its path (``participants.0``) and the reason."""

    field: str = Field(examples=["timezone"])
    reason: str = Field(examples=["must be a name of the IANA time zone database"])


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["timezone: must be a name of the IANA time zone database"])
    errors: list[RefusedField] = Field(default_factory=list)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route gives as ``responses=``: these statuses answer with a `Problem`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A refusal; ASCII on the wire, so that whatever a caller sent can be named in it."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "errors": [{"field": error.field, "reason": error.reason} for error in errors],
    }
    return Response(json.dumps(body), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make ``app`` answer every error with a problem."""
    app.add_exception_handler(NotilogError, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DataError, _not_storable)
    for error in SERVERS_AWAY:
        app.add_exception_handler(error, _server_away)


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, SendFailed):
        return _not_sent(error)
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), None)
    if status is None:
        raise error
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="notilog"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("unavailable", path=request.url.path, reason=str(error))
        headers["Retry-After"] = _seconds(RETRY_SOON)
    if isinstance(error, TooMany):
        headers["Retry-After"] = _seconds(error.retry_after)
    errors = error.errors if isinstance(error, Invalid) else ()
    return problem(status, str(error), errors=errors, headers=headers)


def _not_sent(error: SendFailed) -> Response:
    if error.permanent:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    headers = {"Retry-After": _seconds(error.retry_after or RETRY_SOON)}
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=headers)


def _seconds(value: float) -> str:
    return str(max(1, math.ceil(value)))


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  it is installed for this
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        reason = f"{found[0]['ctx']['error']} at position {found[0]['loc'][-1]}"
        errors = [FieldError("body", f"is not JSON: {reason}")]
        return problem(HTTPStatus.BAD_REQUEST, f"body {errors[0].reason}", errors=errors)
    if _speaks_another_format(request, found):
        return problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "the body must be JSON: Content-Type: application/json",
        )
    errors = [FieldError(_path(detail["loc"]), _reason(detail)) for detail in found]
    detail = "; ".join(f"{error.field}: {error.reason}" for error in errors)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _speaks_another_format(request: Request, found: Sequence[Any]) -> bool:
    """Whether the body was not even read as JSON, because it does not say that it is."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    refused_whole = any(
        detail["loc"] == ("body",) and detail["type"] != "missing" for detail in found
    )
    return refused_whole and not is_json


def _path(location: Sequence[str | int]) -> str:
    """``("body", "participants", 0)`` as ``participants.0``."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _reason(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        return "no such field"
    if detail["type"] == "missing":
        return "is required"
    return str(detail["msg"]).removeprefix("Value error, ")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  it is installed for this
    if (unreadable := _unreadable_body(error)) is not None:
        detail = f"{unreadable.field} {unreadable.reason}"
        return problem(error.status_code, detail, errors=[unreadable])
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return problem(error.status_code, detail, headers=error.headers)


def _unreadable_body(error: HTTPException) -> FieldError | None:
    """What FastAPI met when it read JSON and was not a `JSONDecodeError`."""
    match error.__cause__:
        case RecursionError():
            return FieldError("body", "is nested too deeply")
        case UnicodeDecodeError():
            return FieldError("body", "is not JSON: not UTF-8")
        case ValueError():
            return FieldError("body", "holds a number with too many digits")
        case _:
            return None


async def _not_storable(request: Request, error: Exception) -> Response:
    assert isinstance(error, DataError)  # noqa: S101  it is installed for this
    if getattr(error.orig, "sqlstate", None) is None:
        raise error  # the driver could not read what is stored, which is no fault of the caller
    log.warning("not_storable", path=request.url.path, reason=str(error.__cause__))
    reason = "holds a value that cannot be stored"
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"request: {reason}",
        errors=[FieldError("request", reason)],
    )


async def _server_away(request: Request, error: Exception) -> Response:
    log.warning("unavailable", path=request.url.path, reason=type(error).__name__)
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "a server that NotiLog needs does not answer; try again soon",
        headers={"Retry-After": _seconds(RETRY_SOON)},
    )
