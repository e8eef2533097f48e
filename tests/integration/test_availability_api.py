"""Busy and free time over REST."""

from typing import Any

import pytest

from tests.integration.conftest import Person, SignIn
from tests.integration.planning import made, refused_fields

OFFICE = {"day_from": "mon", "day_to": "fri", "time_from": "09:00", "time_to": "17:00"}
NIGHTS = {"day_from": "sun", "day_to": "thu", "time_from": "22:00", "time_to": "06:00"}
MONDAY = "2027-03-22T00:00:00Z"
TUESDAY = "2027-03-23T00:00:00Z"


@pytest.fixture
async def ben(sign_in: SignIn) -> Person:
    return await sign_in("ben", work_days=OFFICE, timezone="Europe/Berlin")


async def daily(author: Person, start: str, end: str, **fields: object) -> dict[str, Any]:
    return await made(
        author,
        **{
            "start_time": f"2027-03-01T{start}:00Z",
            "end_time": f"2027-03-01T{end}:00Z",
            "timezone": "UTC",
            "repetition": {"type": "daily"},
            "participants": [],
            **fields,
        },
    )


async def free(person: Person, *logins: str, **question: object) -> dict[str, Any]:
    answer = await person.api.post(
        "funcs/free_time",
        json={"logins": logins, "duration": "1h", "from": MONDAY, **question},
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def busy(person: Person, *logins: str, start: str = MONDAY, to: str = TUESDAY) -> Any:
    answer = await person.api.post(
        "funcs/busy_time", json={"logins": logins, "from": start, "to": to}
    )
    assert answer.status_code == 200, answer.text
    return [[(one["start"], one["end"]) for one in of["intervals"]] for of in answer.json()]


async def test_events_and_time_outside_work_are_busy(ann: Person, ben: Person) -> None:
    await daily(ben, "10:00", "11:00", participants=["ann"])
    await daily(ben, "10:30", "12:00", busy=False)
    (of_ann, of_ben) = await busy(ann, "ann", "ben")
    assert of_ann == [("2027-03-22T10:00:00Z", "2027-03-22T11:00:00Z")]
    assert of_ben == [
        ("2027-03-22T00:00:00Z", "2027-03-22T08:00:00Z"),
        ("2027-03-22T10:00:00Z", "2027-03-22T11:00:00Z"),
        ("2027-03-22T16:00:00Z", "2027-03-23T00:00:00Z"),
    ]


async def test_who_declined_is_not_busy_and_a_cancelled_occurrence_takes_no_time(
    ann: Person, ben: Person
) -> None:
    event = await daily(ben, "10:00", "11:00", participants=["ann"])
    occurrence = "2027-03-22T10:00:00Z"
    await ann.api.put(
        f"events/{event['id']}/participants/ann", json={"decision": "no", "occurrence": occurrence}
    )
    assert await busy(ann, "ann") == [[]]
    assert ("2027-03-22T10:00:00Z", "2027-03-22T11:00:00Z") in (await busy(ann, "ben"))[0]
    await ben.api.delete(f"events/{event['id']}/occurrences/{occurrence}")
    assert len((await busy(ann, "ben"))[0]) == 2


async def test_an_overnight_shift_belongs_to_its_first_day(ann: Person, sign_in: SignIn) -> None:
    await sign_in("owl", work_days=NIGHTS)
    (of_owl,) = await busy(ann, "owl", start="2027-03-25T00:00:00Z", to="2027-03-28T00:00:00Z")
    thursday_night = of_owl[1]
    assert thursday_night == ("2027-03-26T06:00:00Z", "2027-03-28T00:00:00Z")


async def test_the_nearest_common_free_time_is_found(ann: Person, ben: Person) -> None:
    await daily(ann, "08:00", "10:00")
    await daily(ben, "10:30", "15:00")
    assert await free(ann, "ann", "ben", duration="30m") == {
        "start": "2027-03-22T10:00:00Z",
        "end": "2027-03-22T10:30:00Z",
        "reason": None,
        "detail": None,
        "login": None,
    }
    buffered = await free(ann, "ann", "ben", duration="30m", buffer="10m")
    assert buffered["start"] == "2027-03-22T15:10:00Z"
    assert (await free(ann, "ann", "ben"))["start"] == "2027-03-22T15:00:00Z"


async def test_without_free_time_there_is_a_reason(
    ann: Person, ben: Person, sign_in: SignIn
) -> None:
    await sign_in("owl", work_days=NIGHTS)
    never = await free(ann, "ben", "owl")
    assert (never["start"], never["reason"]) == (None, "no_common_work_hours")
    await daily(ben, "00:00", "23:59")
    blocked = await free(ann, "ann", "ben")
    assert (blocked["start"], blocked["reason"], blocked["login"]) == (None, "busy", "ben")
    assert "ben" in blocked["detail"]


async def test_a_stranger_learns_no_name(ann: Person, ben: Person, sign_in: SignIn) -> None:
    cat = await sign_in("cat")
    await daily(ben, "10:00", "11:00", visibility="private", name="Secret")
    for path, body in (
        ("funcs/busy_time", {"logins": ["ben"], "from": MONDAY, "to": TUESDAY}),
        ("funcs/free_time", {"logins": ["ben"], "duration": "9h", "from": MONDAY}),
    ):
        answer = await cat.api.post(path, json=body)
        assert answer.status_code == 200
        assert "Secret" not in answer.text


@pytest.mark.parametrize(
    ("path", "wrong", "field"),
    [
        ("free_time", {"logins": []}, "logins"),
        ("free_time", {"logins": ["nobody"]}, "logins.0"),
        ("free_time", {"logins": ["ann", "ann"]}, "logins.1"),
        ("free_time", {"logins": ["ann"] * 501}, "logins"),
        ("free_time", {"duration": "soon"}, "duration"),
        ("free_time", {"duration": "0m"}, "duration"),
        ("free_time", {"duration": "400d"}, "duration"),
        ("free_time", {"duration": 60}, "duration"),
        ("free_time", {"from": "today"}, "from"),
        ("free_time", {"until": MONDAY}, "until"),
        ("free_time", {"from": "9999-12-31T23:59:59Z"}, "from"),
        ("free_time", {"buffer": "-1m"}, "buffer"),
        ("free_time", {"until": "2999-01-01T00:00:00Z"}, "until"),
        ("busy_time", {"to": MONDAY}, "to"),
        ("busy_time", {"to": "2999-01-01T00:00:00Z"}, "to"),
        ("busy_time", {"logins": ["nobody"]}, "logins.0"),
        ("busy_time", {"extra": 1}, "extra"),
    ],
)
async def test_a_wrong_question_is_refused_by_its_field(
    ann: Person, path: str, wrong: dict[str, Any], field: str
) -> None:
    question: dict[str, Any] = {"logins": ["ann"], "from": MONDAY}
    question |= {"duration": "1h"} if path == "free_time" else {"to": TUESDAY}
    answer = await ann.api.post(f"funcs/{path}", json=question | wrong)
    assert refused_fields(answer) == [field]
