"""What surrounds every request: an id, a size limit, security headers, and the last resort.

Plain ASGI: it costs microseconds, where a middleware with its own task would cost more than
most endpoints.
"""

import re
from http import HTTPStatus
from uuid import uuid4

import structlog
from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from notilog import config
from notilog.serving import ApiSettings

log = structlog.get_logger(__name__)

REQUEST_ID = "X-Request-Id"
ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Given to every answer that does not set them itself."""


class Envelope:
    """The outermost layer of the API."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        answer = _Answer(send, request_id)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, _limited(scope, receive), answer.send)
            except Exception:
                log.exception("request_failed", method=scope["method"], path=scope["path"])
                if answer.begun:
                    raise  # half an answer cannot be turned into a problem; the connection ends
                detail = f"an unexpected error; it is in the log as request {request_id}"
                refusal = problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
                await refusal(scope, receive, answer.send)


class _Answer:
    """The answer on its way out."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self._request_id
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """The caller's own id when it is harmless in a log, else a new one."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if ACCEPTED_ID.fullmatch(given) else uuid4().hex


def _limited(scope: Scope, receive: Receive) -> Receive:
    """``receive`` that refuses a body beyond the limit, declared or sent."""
    limit = config.section(ApiSettings).body_limit
    declared = Headers(scope=scope).get("content-length", "0")
    received = 0

    async def receive_within_limit() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit or (declared.isdecimal() and int(declared) > limit):
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body may have {limit} bytes at most"
            )
        return message

    return receive_within_limit
