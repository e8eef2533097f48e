"""Text that PostgreSQL cannot store is refused at the door, for every input of every endpoint.

That is NUL and lone surrogates in strings, and numbers that are not finite. Endpoints that read
their body themselves (log batches) refuse record by record instead.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute

from notilog.errors import FieldError, Invalid

# How JSON can write them: escapes, raw bytes, UTF-16 (full of zero bytes), and numbers too large
# for a float. Nearly every body passes by this one scan.
SUSPECT = re.compile(
    rb"\\u0000|\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|\x00|NaN|Infinity|[eE]\+?\d{3}|\d{300}"
)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

TEXT_REASON = "must not contain NUL or half of a surrogate pair"
KEY_REASON = "has a name with NUL or half of a surrogate pair"
NUMBER_REASON = "must be a finite number"


async def only_storable(request: Request) -> None:
    """Refuse what cannot be stored, before any endpoint sees it.

    Raises:
        Invalid: naming each field.
    """
    errors = [
        FieldError(name, TEXT_REASON)
        for name, value in (*request.path_params.items(), *request.query_params.multi_items())
        if UNSTORABLE.search(f"{name}{value}")
    ]
    route = request.scope.get("route")
    if isinstance(route, APIRoute) and route.body_field is not None:
        errors += await _in_body(request)
    if errors:
        raise Invalid(errors)


async def _in_body(request: Request) -> list[FieldError]:
    if not SUSPECT.search(await request.body()):
        return []
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        return []  # not JSON at all, which the endpoint's own reading reports
    return list(_unstorable(body))


def _unstorable(body: Any) -> Iterator[FieldError]:
    """Walks without recursion: nesting is the sender's choice."""
    waiting: list[tuple[str, Any]] = [("", body)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str) and UNSTORABLE.search(value):
            yield FieldError(path or "body", TEXT_REASON)
        elif isinstance(value, float) and not math.isfinite(value):
            yield FieldError(path or "body", NUMBER_REASON)
        elif isinstance(value, dict):
            yield from (
                FieldError(path or "body", KEY_REASON) for _ in filter(UNSTORABLE.search, value)
            )
            waiting += [(f"{path}.{name}".lstrip("."), member) for name, member in value.items()]
        elif isinstance(value, list):
            waiting += [
                (f"{path}.{index}".lstrip("."), member) for index, member in enumerate(value)
            ]
