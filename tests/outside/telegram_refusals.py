"""What the Bot API answers instead of success, in its own codes and words."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than success; ``hang`` is none at all until the server stops.

    ``page`` is what a proxy in front of the Bot API answers instead of its JSON.
    """

    code: int
    description: str
    parameters: dict[str, int] = field(default_factory=dict)
    hang: bool = False
    page: str = ""

    def response(self) -> web.Response:
        if self.page:
            return web.Response(status=self.code, text=self.page, content_type="text/html")
        body: dict[str, Any] = {"ok": False, "error_code": self.code}
        body["description"] = self.description
        if self.parameters:
            body["parameters"] = self.parameters
        return web.json_response(body, status=self.code)


class Refused(Exception):
    """What a method raises to answer with a refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description)
        self.refusal = refusal


def bad_request(reason: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, f"Bad Request: {reason}")


def too_many(seconds: int) -> Refusal:
    """The flood limit, to be asked again after so many seconds."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"Too Many Requests: retry after {seconds}",
        {"retry_after": seconds},
    )


def migrated(chat_id: int) -> Refusal:
    """The group has become a supergroup with this id."""
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "Bad Request: group chat was upgraded to a supergroup chat",
        {"migrate_to_chat_id": chat_id},
    )


BLOCKED = Refusal(HTTPStatus.FORBIDDEN, "Forbidden: bot was blocked by the user")
CHAT_NOT_FOUND = bad_request("chat not found")
UNAUTHORIZED = Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
NO_METHOD = Refusal(HTTPStatus.NOT_FOUND, "Not Found: method not found")
SERVER_ERROR = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
HANG = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable", hang=True)
CONFLICT = Refusal(
    HTTPStatus.CONFLICT,
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running",
)
