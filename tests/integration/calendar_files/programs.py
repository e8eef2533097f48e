"""Calendar files over REST, sent and read as other programs do."""

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from httpx import AsyncClient, Response
from icalendar import Calendar

from tests.integration.conftest import Person

ICS = {"Content-Type": "text/calendar"}
TOKYO = "Asia/Tokyo"
YEAR = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "limit": "1000"}
FROM, TO = (datetime.fromisoformat(YEAR[end]) for end in ("from", "to"))

Seen = tuple[str, str, str | None]
"""The start and the end of an occurrence, and its name."""


async def sent(person: Person, text: bytes | str) -> Response:
    content = text.encode() if isinstance(text, str) else text
    return await person.api.post("calendars/import", content=content, headers=ICS)


async def imported(person: Person, text: bytes | str) -> tuple[int, int, int]:
    """How many events were created, updated and cancelled."""
    answer = await sent(person, text)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["created"], body["updated"], body["cancelled"]


async def listed(person: Person, **params: str) -> list[dict[str, Any]]:
    answer = await person.api.get("events", params={**YEAR, **params})
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def agenda(person: Person, **params: str) -> list[Seen]:
    items = await listed(person, **params)
    return sorted((item["start_time"], item["end_time"], item["name"]) for item in items)


async def starts(person: Person) -> list[str]:
    return [start for start, _, _ in await agenda(person)]


async def event_of(person: Person) -> dict[str, Any]:
    """The event of the first occurrence."""
    answer = await person.api.get(f"events/{(await listed(person))[0]['event_id']}")
    event: dict[str, Any] = answer.json()
    return event


def by_another_program(text: bytes | str) -> list[Seen]:
    """The occurrences as another program finds them; floating times and dates are in Tokyo."""
    found = recurring_ical_events.of(Calendar.from_ical(text), skip_bad_series=False)
    seen = [
        (utc(event["DTSTART"].dt), utc(event.end), str(event.get("SUMMARY", "")))
        for event in found.between(FROM, TO)
    ]
    return sorted(seen)


def utc(moment: date) -> str:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    zone = moment.tzinfo or ZoneInfo(TOKYO)
    return f"{moment.replace(tzinfo=zone).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


async def feed_token(person: Person, *scopes: str) -> dict[str, str]:
    wish = {"name": "phone", "scopes": scopes or ["events:feed"]}
    answer = await person.api.post("tokens", json=wish)
    assert answer.status_code == 201, answer.text
    return {"token": answer.json()["token"], "id": answer.json()["id"]}


async def feed(viewer: Person, login: str, anonymous: AsyncClient) -> str:
    """Somebody's feed, as a program reads it that has nothing but the address."""
    token = (await feed_token(viewer))["token"]
    answer = await anonymous.get(f"calendars/{login}.ics", params={"token": token})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "text/calendar"
    return answer.content.decode()


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")
