"""Sending a batch to a NotiLog over HTTP, and what becomes of it by the answer."""

import http.client
import ipaddress
import json
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from notilog.agent.batches import Batch

PATH: Final = "/api/v1/logs"
NEVER: Final = frozenset(
    (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
)
"""Answers to what will be answered the same however often it is sent."""

_LARGEST_ANSWER: Final = 4 * 1024 * 1024
_TOLD: Final = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """The server has the batch, except for so many records, rejected for the reason given."""

    rejected: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The batch can never be stored as it is."""

    reason: str
    is_too_large: bool = False


@dataclass(frozen=True, slots=True)
class Postponed:
    """The batch may be stored later, in so many seconds if the server said so."""

    reason: str
    after: float = 0.0


Verdict = Stored | Refused | Postponed


class Destination:
    """One connection to the server, made when it is needed and kept while it lasts.

    Args:
        url: the address of NotiLog, such as ``https://logs.example.org``.
        token: reads the token, each time anew.
        timeout: seconds that any step of a request may take.
        insecure: allow ``http`` to another machine.

    Raises:
        ValueError: the address is not one, or not safe to send a token to.
    """

    def __init__(
        self, url: str, *, token: Callable[[], str], timeout: float, insecure: bool = False
    ) -> None:
        self._address = checked_address(url, insecure=insecure)
        self._token = token
        self._timeout = timeout
        self._failure = ""
        self._connection: http.client.HTTPConnection | None = None

    def post(self, batch: Batch) -> Verdict:
        """Send the batch and tell what became of it; raises nothing."""
        try:
            token = checked_token(self._token())
        except (OSError, ValueError) as error:
            return Postponed(f"the token cannot be read: {error}")
        reused = self._connection is not None
        verdict = self._tried(batch, token)
        if verdict is None and reused:
            # Most likely the server closed a connection that was idle; the key makes this safe.
            verdict = self._tried(batch, token)
        return verdict or Postponed(self._failure)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._connection = None

    def abandon(self) -> None:
        """In a forked child: let go of the parent's connection without ending it."""
        sock = self._connection.sock if self._connection is not None else None
        self._connection = None
        if sock is not None:
            with suppress(OSError):
                os.close(sock.detach())

    def _tried(self, batch: Batch, token: str) -> Verdict | None:
        try:
            return self._asked(batch, token)
        except Exception as error:  # noqa: BLE001  whatever fails, the batch must be kept
            self.close()
            self._failure = _hidden(f"{type(error).__name__}: {error}", token)
            return None

    def _asked(self, batch: Batch, token: str) -> Verdict:
        if self._connection is None:
            self._connection = self._connected()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Idempotency-Key": batch.key,
            "User-Agent": "notilog-agent",
        }
        path = self._address.path.rstrip("/") + PATH
        self._connection.request("POST", path, batch.body, headers)
        response = self._connection.getresponse()
        body = response.read(_LARGEST_ANSWER)
        if not response.isclosed():  # more than anybody needs
            self.close()
        return _verdict(response, body, token)

    def _connected(self) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)


def checked_token(token: str) -> str:
    """The token, if it can stand in a header.

    Raises:
        ValueError: it cannot; the token is not in the text.
    """
    stripped = token.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        raise ValueError("the token is empty, or has characters that no token has")
    return stripped


def checked_address(url: str, *, insecure: bool) -> SplitResult:
    """The parts of the server's address.

    Raises:
        ValueError: it is not one, or not safe to send a token to.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("url: an address only, without name, password, query or fragment")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("url: an address such as https://logs.example.org is expected")
    if parts.scheme == "http" and not insecure and not _is_loopback(parts.hostname):
        raise ValueError("url: http would show the token to the network; use https, or insecure")
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _verdict(response: http.client.HTTPResponse, body: bytes, token: str) -> Verdict:
    if response.status == HTTPStatus.ACCEPTED:
        rejected = _member(body, "rejected")
        count = len(rejected) if isinstance(rejected, list) else 0
        return Stored(count, _hidden(_first_reason(rejected), token) if count else "")
    detail = _member(body, "detail")
    reason = f"the server answered {response.status}"
    if isinstance(detail, str):
        reason = _hidden(f"{reason}: {detail}", token)
    if response.status in NEVER:
        return Refused(reason, response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return Postponed(reason, _retry_after(response.getheader("Retry-After", "")))


def _first_reason(rejected: Any) -> str:
    first = rejected[0]
    return str(first.get("reason", "")) if isinstance(first, dict) else ""


def _member(body: bytes, name: str) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found.get(name) if isinstance(found, dict) else None


def _retry_after(value: str) -> float:
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _hidden(text: str, token: str) -> str:
    """The text without the token, on one line, and not for ever."""
    plain = text.replace(token, "***")[:_TOLD]
    return plain.encode("unicode_escape").decode("ascii")
