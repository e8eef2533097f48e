"""Series over REST: repetitions, single occurrences, and two editors at once."""

import asyncio
from typing import Any

import pytest

from tests.integration.conftest import Person, SignIn
from tests.integration.planning import made, refused_fields

STANDUP: dict[str, Any] = {
    "start_time": "2027-03-22T09:00:00+01:00",
    "end_time": "2027-03-22T09:15:00+01:00",
    "repetition": {"type": "weekly", "weekly_days": ["thu", "mon", "mon"]},
}
TWO_WEEKS = {"from": "2027-03-22T00:00:00Z", "to": "2027-04-05T00:00:00Z"}
STARTS = [
    "2027-03-22T08:00:00Z",
    "2027-03-25T08:00:00Z",
    "2027-03-29T07:00:00Z",
    "2027-04-01T07:00:00Z",
]


@pytest.fixture
async def ben(sign_in: SignIn) -> Person:
    return await sign_in("ben")


@pytest.fixture
async def series(ann: Person, ben: Person) -> dict[str, Any]:
    return await made(ann, **STANDUP)


async def listed(person: Person, **params: str) -> list[dict[str, Any]]:
    answer = await person.api.get("events", params={**TWO_WEEKS, **params})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def starts(person: Person, **params: str) -> list[str]:
    return [item["start_time"] for item in await listed(person, **params)]


def path_of(event: dict[str, Any], start: str) -> str:
    return f"events/{event['id']}/occurrences/{start}"


async def test_a_series_is_made_and_listed(ann: Person, series: dict[str, Any]) -> None:
    assert series["repetition"] == {
        "type": "weekly",
        "weekly_days": ["mon", "thu"],
        "monthly_last_week": False,
        "due_date": None,
        "each": 1,
        "rrule": "",
    }
    items = await listed(ann)
    assert [item["start_time"] for item in items] == STARTS
    assert {item["repeats"] for item in items} == {True}


@pytest.mark.parametrize("limit", [1, 3])
async def test_a_series_is_paged_without_loss_or_repetition(
    ann: Person, series: dict[str, Any], limit: int
) -> None:
    await made(ann, **{**STANDUP, "repetition": {"type": "daily", "due_date": "2027-03-30"}})
    everything = await listed(ann)
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {**TWO_WEEKS, "limit": limit}
    while True:
        page = (await ann.api.get("events", params=params)).json()
        found += page["items"]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert len(everything) == 13
    assert found == everything


async def test_a_start_beside_the_rule_moves_and_the_answer_says_so(
    ann: Person, ben: Person
) -> None:
    event = await made(ann, **{**STANDUP, "repetition": {"type": "weekly", "weekly_days": ["tue"]}})
    assert event["start_time"] == "2027-03-23T08:00:00Z"
    assert event["asked_start"] == "2027-03-22T08:00:00Z"


async def test_the_repetition_is_changed_and_ended(ann: Person, series: dict[str, Any]) -> None:
    path = f"events/{series['id']}"
    changed = await ann.api.patch(path, json={"repetition": {"type": "weekly", "each": 2}})
    assert changed.json()["repetition"]["each"] == 2
    assert await starts(ann) == STARTS[:1]
    ended = await ann.api.patch(path, json={"repetition": None})
    assert ended.json()["repetition"] is None
    assert refused_fields(
        await ann.api.patch(path, json={"repetition": {"type": "daily", "due_date": "2027-01-01"}})
    ) == ["repetition.due_date"]


async def test_one_occurrence_is_moved_renamed_and_cancelled(
    ann: Person, ben: Person, series: dict[str, Any]
) -> None:
    moved = await ann.api.patch(
        path_of(series, STARTS[1]),
        json={
            "start_time": "2027-03-26T12:00:00Z",
            "end_time": "2027-03-26T13:00:00Z",
            "name": "Longer",
        },
        headers={"If-Match": '"1"'},
    )
    assert (moved.status_code, moved.headers["etag"]) == (200, '"2"')
    assert moved.json()["original_start"] == STARTS[1]
    assert moved.json()["logins"] == ["ann", "ben"]
    again = await ann.api.patch(path_of(series, STARTS[1]), json={"description": "Bring tea"})
    assert (again.json()["name"], again.json()["start_time"]) == ("Longer", "2027-03-26T12:00:00Z")
    assert (await ann.api.delete(path_of(series, STARTS[2]))).status_code == 204
    assert await starts(ben) == [STARTS[0], "2027-03-26T12:00:00Z", STARTS[3]]
    assert (await ann.api.get(f"events/{series['id']}")).headers["etag"] == '"4"'


async def test_two_editors_at_once_one_gets_412_and_loses_nothing(
    ann: Person, admin: Person, series: dict[str, Any]
) -> None:
    first, second = await asyncio.gather(
        ann.api.patch(
            path_of(series, STARTS[1]), json={"name": "Ann's"}, headers={"If-Match": '"1"'}
        ),
        admin.api.patch(
            path_of(series, STARTS[2]), json={"name": "Admin's"}, headers={"If-Match": '"1"'}
        ),
    )
    assert sorted((first.status_code, second.status_code)) == [200, 412]
    names = {item["name"] for item in await listed(ann)}
    assert names == {"Planning", "Ann's" if first.status_code == 200 else "Admin's"}
    stale = await ann.api.patch(
        path_of(series, STARTS[1]),
        params={"scope": "following"},
        json={"name": "Other"},
        headers={"If-Match": '"1"'},
    )
    assert stale.status_code == 412
    stale = await ann.api.delete(path_of(series, STARTS[1]), headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert len(await listed(ann)) == 4


async def test_this_and_following_become_a_series_of_their_own(
    ann: Person, ben: Person, series: dict[str, Any]
) -> None:
    answer = await ann.api.patch(
        path_of(series, STARTS[2]),
        params={"scope": "following"},
        json={"name": "New", "repetition": {"type": "daily", "due_date": "2027-03-31"}},
    )
    new = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    assert (new["follows"], new["start_time"]) == (series["id"], STARTS[2])
    items = await listed(ben)
    assert [(item["start_time"], item["name"]) for item in items] == [
        (STARTS[0], "Planning"),
        (STARTS[1], "Planning"),
        ("2027-03-29T07:00:00Z", "New"),
        ("2027-03-30T07:00:00Z", "New"),
        ("2027-03-31T07:00:00Z", "New"),
    ]
    old = (await ann.api.get(f"events/{series['id']}")).json()
    assert old["repetition"]["due_date"] == "2027-03-28"
    gone = await ann.api.delete(path_of(new, STARTS[2]), params={"scope": "following"})
    assert gone.status_code == 204
    assert await starts(ben) == STARTS[:2]


async def test_one_occurrence_is_declined(ann: Person, ben: Person, series: dict[str, Any]) -> None:
    path = f"events/{series['id']}/participants/ben"
    answer = await ben.api.put(path, json={"decision": "no", "occurrence": STARTS[1]})
    assert answer.json() == {"login": "ben", "decision": "no"}
    assert await starts(ann, login="ben") == [STARTS[0], *STARTS[2:]]
    assert await starts(ben) == STARTS
    answer = await ben.api.put(path, json={"decision": "no", "occurrence": "2027-03-23T08:00:00Z"})
    assert answer.status_code == 404


async def test_wrong_changes_of_an_occurrence_are_refused(
    ann: Person, ben: Person, series: dict[str, Any]
) -> None:
    path = path_of(series, STARTS[1])
    assert refused_fields(await ann.api.patch(path, json={"timezone": "UTC"})) == ["timezone"]
    assert refused_fields(await ann.api.patch(path, json={"repetition": None})) == ["repetition"]
    assert refused_fields(await ann.api.patch(path, json={"start_time": "2027-03-28"})) == [
        "start_time"
    ]
    assert refused_fields(await ann.api.patch(path_of(series, "soon"), json={})) == [
        "original_start"
    ]
    assert (await ann.api.patch(path, params={"scope": "all"}, json={})).status_code == 422
    assert (await ben.api.patch(path, json={"name": "Mine"})).status_code == 403
    assert (
        await ann.api.patch(path_of(series, "2027-03-23T08:00:00Z"), json={})
    ).status_code == 404
    for scope in ("this", "following"):
        answer = await ann.api.delete(
            path_of(series, "2027-03-23T08:00:00Z"), params={"scope": scope}
        )
        assert answer.status_code == 404
    assert await starts(ann) == STARTS


async def test_a_stranger_sees_that_the_time_is_taken_and_no_name(
    ann: Person, ben: Person, sign_in: SignIn
) -> None:
    cat = await sign_in("cat")
    event = await made(ann, **STANDUP, visibility="private")
    await ann.api.patch(path_of(event, STARTS[1]), json={"name": "Secret", "description": "Secret"})
    items = await listed(cat, login="ann")
    assert [item["start_time"] for item in items] == STARTS
    for item in items:
        assert (item["event_id"], item["name"], item["description"], item["author"]) == (None,) * 4
    for answer in (
        await cat.api.get(f"events/{event['id']}"),
        await cat.api.patch(path_of(event, STARTS[0]), json={"name": "Mine"}),
        await cat.api.delete(path_of(event, STARTS[0])),
    ):
        assert answer.status_code == 404


async def test_too_many_occurrences_are_refused_with_the_limit(ann: Person, ben: Person) -> None:
    await made(ann, **{**STANDUP, "repetition": {"type": "daily"}})
    answer = await ann.api.get(
        "events", params={"from": "2027-01-01T00:00:00Z", "to": "2900-01-01T00:00:00Z"}
    )
    assert refused_fields(answer) == ["to"]
    assert "100,000" in answer.text
