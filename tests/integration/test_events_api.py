"""Events over REST: what is answered, what is refused, and what others may see."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.integration.conftest import Person, SignIn
from tests.integration.planning import DAY, PLANNING, made, refused_fields


@pytest.fixture
async def ben(sign_in: SignIn) -> Person:
    return await sign_in("ben")


@pytest.fixture
async def event(ann: Person, ben: Person) -> dict[str, Any]:
    return await made(ann)


async def test_an_event_is_made_and_read_with_its_etag(ann: Person, ben: Person) -> None:
    answer = await ann.api.post("events", json=PLANNING)
    event = answer.json()
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"events/{event['id']}"
    assert {name: value for name, value in event.items() if name != "id"} == {
        "author": "ann",
        "name": "Planning",
        "description": "",
        "start_time": "2026-11-20T08:00:00Z",
        "end_time": "2026-11-20T09:00:00Z",
        "timezone": "Europe/Berlin",
        "all_day": False,
        "visibility": "public",
        "busy": True,
        "repetition": None,
        "asked_start": None,
        "follows": None,
        "notifications": [{"offset": "15m", "channel": "log"}],
        "participants": [{"login": "ben", "decision": "undecided"}],
        "version": 1,
    }
    read = await ben.api.get(f"events/{event['id']}")
    assert (read.status_code, read.headers["etag"], read.json()) == (200, '"1"', event)


async def test_an_all_day_event_is_made_of_dates(ann: Person, ben: Person) -> None:
    event = await made(ann, start_time="2026-12-24", end_time="2026-12-27", all_day=True)
    assert event["start_time"] == "2026-12-23T23:00:00Z"
    assert event["end_time"] == "2026-12-26T23:00:00Z"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": 5}, "name"),
        ({"description": "x" * 10_001}, "description"),
        ({"start_time": "2026-11-20T09:00:00"}, "start_time"),
        ({"start_time": 1795161600}, "start_time"),
        ({"start_time": "2026-11-31T09:00:00Z"}, "start_time"),
        ({"start_time": "2026-11-20T24:01:00Z"}, "start_time"),
        ({"start_time": "2026-11-20"}, "start_time"),
        ({"start_time": "0001-01-01T00:00:00+14:00"}, "start_time"),
        ({"end_time": "9999-12-31T23:59:59-14:00"}, "end_time"),
        ({"end_time": "2026-11-20T08:59:59+01:00"}, "end_time"),
        ({"end_time": None}, "end_time"),
        ({"all_day": True}, "start_time"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"visibility": "secret"}, "visibility"),
        ({"notifications": [{"offset": "51d", "channel": "log"}]}, "notifications.0.offset"),
        ({"notifications": [{"offset": "-1m", "channel": "log"}]}, "notifications.0.offset"),
        ({"notifications": [{"offset": "1m", "channel": "owl"}]}, "notifications.0.channel"),
        ({"notifications": [{"offset": "1m", "channel": "log"}] * 2}, "notifications.1"),
        ({"notifications": [{"offset": "1m", "channel": "log"}] * 21}, "notifications"),
        ({"participants": ["ben", "nobody"]}, "participants.1"),
        ({"participants": ["ben", "ben"]}, "participants.1"),
        ({"participants": ["ben"] * 501}, "participants"),
        ({"repetition": {"type": "hourly"}}, "repetition.type"),
        ({"repetition": {"type": "rrule"}}, "repetition.type"),
        ({"repetition": {}}, "repetition.type"),
        ({"repetition": {"type": "daily", "each": 0}}, "repetition.each"),
        ({"repetition": {"type": "daily", "each": 1001}}, "repetition.each"),
        ({"repetition": {"type": "daily", "each": "2"}}, "repetition.each"),
        ({"repetition": {"type": "daily", "until": "2027-01-01"}}, "repetition.until"),
        ({"repetition": {"type": "daily", "due_date": "2026-11-19"}}, "repetition.due_date"),
        ({"repetition": {"type": "daily", "due_date": "soon"}}, "repetition.due_date"),
        ({"repetition": {"type": "weekly", "weekly_days": ["noday"]}}, "repetition.weekly_days.0"),
        ({"id": "00000000-0000-0000-0000-000000000000"}, "id"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(
    ann: Person, ben: Person, wrong: dict[str, Any], field: str
) -> None:
    assert field in refused_fields(await ann.api.post("events", json={**PLANNING, **wrong}))
    listed = await ann.api.get("events", params=DAY)
    assert listed.json()["items"] == []


async def test_missing_fields_are_named(ann: Person) -> None:
    assert refused_fields(await ann.api.post("events", json={})) == [
        "name",
        "start_time",
        "end_time",
    ]


async def test_a_change_needs_the_version_that_it_names(ann: Person, event: dict[str, Any]) -> None:
    path = f"events/{event['id']}"
    changed = await ann.api.patch(path, json={"name": "Review"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json() == {**event, "name": "Review", "version": 2}
    for stale in ('"1"', 'W/"2"', "2", "nonsense"):
        answer = await ann.api.patch(path, json={"name": "Retro"}, headers={"If-Match": stale})
        assert answer.status_code == 412
        assert (await ann.api.delete(path, headers={"If-Match": stale})).status_code == 412
    assert (await ann.api.get(path)).json() == changed.json()
    for known in ('"1", "2"', "*"):
        answer = await ann.api.patch(path, json={}, headers={"If-Match": known})
        assert answer.status_code == 200


async def test_a_change_without_a_version_is_taken(ann: Person, event: dict[str, Any]) -> None:
    changed = await ann.api.patch(f"events/{event['id']}", json={"participants": []})
    assert changed.json() == {**event, "participants": [], "version": 2}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": None}, "name"),
        ({"end_time": "2026-11-20T08:59:59+01:00"}, "end_time"),
        ({"all_day": True}, "start_time"),
        ({"participants": ["nobody"]}, "participants.0"),
        ({"author": "ben"}, "author"),
    ],
)
async def test_a_wrong_change_is_refused_by_its_field(
    ann: Person, event: dict[str, Any], wrong: dict[str, Any], field: str
) -> None:
    path = f"events/{event['id']}"
    assert field in refused_fields(await ann.api.patch(path, json=wrong))
    assert (await ann.api.get(path)).json() == event


async def test_a_cancelled_event_is_gone(ann: Person, event: dict[str, Any]) -> None:
    path = f"events/{event['id']}"
    assert (await ann.api.delete(path)).status_code == 204
    for answer in (await ann.api.get(path), await ann.api.delete(path)):
        assert answer.status_code == 404
    assert (await ann.api.get("events", params=DAY)).json()["items"] == []


async def test_a_participant_decides_and_can_think_better_of_it(
    ann: Person, ben: Person, event: dict[str, Any]
) -> None:
    path = f"events/{event['id']}/participants/ben"
    for decision in ("no", "maybe", "yes", "undecided"):
        answer = await ben.api.put(path, json={"decision": decision})
        assert (answer.status_code, answer.json()) == (
            200,
            {"login": "ben", "decision": decision},
        )
        read = await ann.api.get(f"events/{event['id']}")
        assert read.json()["participants"] == [{"login": "ben", "decision": decision}]
    assert refused_fields(await ben.api.put(path, json={"decision": "perhaps"})) == ["decision"]
    assert (await ann.api.put(path, json={"decision": "yes"})).status_code == 403


async def test_who_may_do_what(
    *, ann: Person, ben: Person, admin: Person, sign_in: SignIn, anonymous: AsyncClient
) -> None:
    cat = await sign_in("cat")
    expected = {
        "public": {"ann": (200, 200), "ben": (200, 403), "cat": (200, 403), "admin": (200, 200)},
        "busy": {"ann": (200, 200), "ben": (200, 403), "cat": (200, 403), "admin": (200, 200)},
        "private": {"ann": (200, 200), "ben": (200, 403), "cat": (404, 404), "admin": (200, 200)},
    }
    for visibility, rights in expected.items():
        path = f"events/{(await made(ann, visibility=visibility))['id']}"
        for person in (ann, ben, cat, admin):
            read = await person.api.get(path)
            changed = await person.api.patch(path, json={"description": "new"})
            assert (read.status_code, changed.status_code) == rights[person.login]
        assert (await anonymous.get(path)).status_code == 401
        assert (await anonymous.patch(path, json={})).status_code == 401
        assert (await anonymous.delete(path)).status_code == 401
    assert (await anonymous.get("events", params=DAY)).status_code == 401
    assert (await anonymous.post("events", json=PLANNING)).status_code == 401


async def test_a_token_does_only_what_its_scopes_say(ann: Person, event: dict[str, Any]) -> None:
    path = f"events/{event['id']}"
    for scope, may_read, may_write in (
        ("events:read", 200, 403),
        ("events:write", 403, 200),
        ("events:feed", 403, 403),
        ("logs:read", 403, 403),
    ):
        made = await ann.api.post("tokens", json={"name": scope, "scopes": [scope]})
        bearer = {"Authorization": f"Bearer {made.json()['token']}"}
        assert (await ann.api.get(path, headers=bearer)).status_code == may_read
        changed = await ann.api.patch(path, json={"name": "Review"}, headers=bearer)
        assert changed.status_code == may_write


async def test_what_is_no_id_is_refused(ann: Person) -> None:
    assert refused_fields(await ann.api.get("events/nonsense")) == ["event_id"]
    unknown = "events/00000000-0000-0000-0000-000000000000"
    assert (await ann.api.get(unknown)).status_code == 404
