"""An event as it is sent over REST, and how refusals of it read."""

from typing import Any

from httpx import Response

from tests.integration.conftest import Person

PLANNING: dict[str, Any] = {
    "name": "Planning",
    "start_time": "2026-11-20T09:00:00+01:00",
    "end_time": "2026-11-20T10:00:00+01:00",
    "timezone": "Europe/Berlin",
    "notifications": [{"offset": "15m", "channel": "log"}],
    "participants": ["ben"],
}
DAY = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"}


async def made(author: Person, **fields: object) -> dict[str, Any]:
    answer = await author.api.post("events", json={**PLANNING, **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refused_fields(answer: Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [error["field"] for error in answer.json()["errors"]]
