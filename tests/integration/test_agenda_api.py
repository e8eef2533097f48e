"""The agenda over REST: whose time is taken, when, and what others may see of it."""

from typing import Any

import pytest

from tests.integration.conftest import Person, SignIn
from tests.integration.planning import DAY, made, refused_fields


@pytest.fixture
async def ben(sign_in: SignIn) -> Person:
    return await sign_in("ben")


@pytest.fixture
async def event(ann: Person, ben: Person) -> dict[str, Any]:
    return await made(ann)


async def test_the_agenda_shows_who_takes_part_sorted_by_start(
    ann: Person, ben: Person, sign_in: SignIn
) -> None:
    await sign_in("cat")
    late = await made(ann)
    early = await made(
        ben,
        participants=["cat"],
        start_time="2026-11-20T06:00:00Z",
        end_time="2026-11-20T06:30:00Z",
    )
    params = {**DAY, "login": ["ann", "ben"]}
    page = (await ann.api.get("events", params=params)).json()
    assert page["next"] is None
    assert page["items"] == [
        {
            "event_id": early["id"],
            "original_start": "2026-11-20T06:00:00Z",
            "start_time": "2026-11-20T06:00:00Z",
            "end_time": "2026-11-20T06:30:00Z",
            "timezone": "Europe/Berlin",
            "all_day": False,
            "visibility": "public",
            "busy": True,
            "repeats": False,
            "author": "ben",
            "name": "Planning",
            "description": "",
            "logins": ["ben"],
        },
        {
            "event_id": late["id"],
            "original_start": "2026-11-20T08:00:00Z",
            "start_time": "2026-11-20T08:00:00Z",
            "end_time": "2026-11-20T09:00:00Z",
            "timezone": "Europe/Berlin",
            "all_day": False,
            "visibility": "public",
            "busy": True,
            "repeats": False,
            "author": "ann",
            "name": "Planning",
            "description": "",
            "logins": ["ann", "ben"],
        },
    ]
    mine = (await ann.api.get("events", params=DAY)).json()["items"]
    assert [item["event_id"] for item in mine] == [late["id"]]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z", True),
        ("2026-11-20T08:59:59Z", "2026-11-20T23:00:00Z", True),
        ("2026-11-20T00:00:00Z", "2026-11-20T08:00:01Z", True),
        ("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z", False),
        ("2026-11-20T07:00:00Z", "2026-11-20T08:00:00Z", False),
    ],
)
async def test_the_window_is_half_open(
    ann: Person, event: dict[str, Any], start: str, end: str, *, found: bool
) -> None:
    page = await ann.api.get("events", params={"from": start, "to": end})
    assert bool(page.json()["items"]) is found


async def test_the_agenda_is_paged_without_loss_or_repetition(ann: Person, ben: Person) -> None:
    times = [8, 9, 9, 9, 10, 11, 11]
    for hour in times:
        await made(
            ann,
            start_time=f"2026-11-20T{hour:02}:00:00Z",
            end_time=f"2026-11-20T{hour:02}:30:00Z",
        )
    everything = (await ann.api.get("events", params=DAY)).json()["items"]
    assert [int(item["start_time"][11:13]) for item in everything] == times
    found: list[dict[str, Any]] = []
    params: dict[str, str] = {**DAY, "limit": "2"}
    while True:
        page = (await ann.api.get("events", params=params)).json()
        found += page["items"]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert found == everything


async def test_others_see_only_that_the_time_is_taken(
    ann: Person, ben: Person, sign_in: SignIn
) -> None:
    cat = await sign_in("cat")
    busy = await made(ann, visibility="busy")
    await made(ann, visibility="private")
    params = {**DAY, "login": ["ann", "ben"]}
    items = (await cat.api.get("events", params=params)).json()["items"]
    assert {item["event_id"] for item in items} == {busy["id"], None}
    for item in items:
        assert (item["name"], item["author"], item["logins"]) == (None, None, ["ann", "ben"])
    seen = (await ben.api.get("events", params=params)).json()["items"]
    assert [item["name"] for item in seen] == ["Planning", "Planning"]


async def test_who_declined_is_not_listed_except_for_themselves(
    ann: Person, ben: Person, event: dict[str, Any]
) -> None:
    await ben.api.put(f"events/{event['id']}/participants/ben", json={"decision": "no"})
    params = {**DAY, "login": "ben"}
    assert (await ann.api.get("events", params=params)).json()["items"] == []
    (own,) = (await ben.api.get("events", params=params)).json()["items"]
    assert own["event_id"] == event["id"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"to": DAY["to"]}, "from"),
        ({"from": DAY["from"]}, "to"),
        ({**DAY, "from": "yesterday"}, "from"),
        ({**DAY, "to": DAY["from"]}, "to"),
        ({**DAY, "login": "nobody"}, "login.0"),
        ({**DAY, "limit": "0"}, "limit"),
        ({**DAY, "cursor": "nonsense"}, "cursor"),
        ({**DAY, "cursor": "ÿ"}, "cursor"),
        ({**DAY, "cursor": ""}, "cursor"),
    ],
)
async def test_a_wrong_question_is_refused_by_its_field(
    ann: Person, params: dict[str, str], field: str
) -> None:
    assert refused_fields(await ann.api.get("events", params=params)) == [field]


async def test_the_ends_of_time_are_no_error(ann: Person, event: dict[str, Any]) -> None:
    params = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-14:00"}
    page = await ann.api.get("events", params=params)
    assert page.status_code == 200
    assert len(page.json()["items"]) == 1
