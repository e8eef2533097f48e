"""A browser's way to be known: an HttpOnly cookie, and a header that only our own page can send."""

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.datastructures import Headers

from notilog import config
from notilog.errors import Forbidden

COOKIE = "notilog_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def csrf_token(session_id: str) -> str:
    """The token that belongs to a session; whoever cannot read the session's answer lacks it."""
    key = config.current().core.secret_key.get_secret_value().encode()
    return hmac.new(key, b"csrf\0" + session_id.encode(), hashlib.sha256).hexdigest()


def check_csrf(request: Request, session_id: str) -> None:
    """Refuse a request that the browser was tricked into by another site.

    Raises:
        Forbidden: the method changes something and the header is missing or wrong.
    """
    if request.method in SAFE_METHODS:
        return
    sent = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(sent.encode("latin-1"), csrf_token(session_id).encode()):
        raise Forbidden(f"a request with the session's cookie needs its {CSRF_HEADER} header")


def is_same_origin(headers: Headers) -> bool:
    """Whether a browser says that the page which opens a WebSocket is of this very server.

    No header of ours can come with such a request, and the cookie comes with it whoever asks.
    """
    host, origin = headers.get("host"), headers.get("origin")
    if not host or not origin:
        return False
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()


def remember(request: Request, response: Response, session_id: str, *, seconds: int) -> None:
    """Give the browser its cookie; over HTTPS it never leaves by plain HTTP."""
    response.set_cookie(
        COOKIE,
        session_id,
        max_age=seconds,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def forget(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
