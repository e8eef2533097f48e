"""A person says how they wish to be told, and tries a channel."""

import pytest

from notilog.notifications.sending import drain
from notilog.notifications.trials import AT_MOST
from tests.integration.conftest import Person

MINE = "users/ann/preferences"
EMPTY: dict[str, object] = {
    "channels": {},
    "quiet_hours": None,
    "digest_minutes": 0,
    "muted_until": None,
    "timezone": "UTC",
    "language": "en",
}


async def test_who_never_said_any_has_empty_ones(ann: Person) -> None:
    answer = await ann.api.get(MINE)
    assert (answer.status_code, answer.json()) == (200, EMPTY)


async def test_wishes_are_kept_field_by_field_and_taken_back(ann: Person) -> None:
    wishes = {
        "channels": {"critical": ["email", "log"]},
        "quiet_hours": {"from": "22:00", "to": "07:30"},
        "digest_minutes": 15,
        "muted_until": "2030-01-01T00:00:00Z",
    }
    answer = await ann.api.patch(MINE, json=wishes)
    assert (answer.status_code, answer.json()) == (200, EMPTY | wishes)
    answer = await ann.api.patch(MINE, json={"quiet_hours": None})
    assert answer.json() == EMPTY | wishes | {"quiet_hours": None}
    answer = await ann.api.patch(MINE, json={"channels": None, "digest_minutes": None})
    assert answer.json() == EMPTY | {"muted_until": "2030-01-01T00:00:00Z"}
    assert (await ann.api.get(MINE)).json() == answer.json()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"channels": {"normal": ["pigeon"]}}, "channels.normal.0"),
        ({"channels": {"normal": ["log", "log"]}}, "channels.normal.1"),
        ({"channels": {"grave": ["log"]}}, "channels.grave.[key]"),
        ({"quiet_hours": {"from": "25:00", "to": "07:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "07:00", "to": "07:00"}}, "quiet_hours"),
        ({"quiet_hours": {"from": "07:00"}}, "quiet_hours.to"),
        ({"digest_minutes": 1441}, "digest_minutes"),
        ({"muted_until": "soon"}, "muted_until"),
        ({"muted_until": "9999-12-31T23:00:00Z"}, "muted_until"),
        ({"volume": 11}, "volume"),
    ],
)
async def test_what_is_wrong_is_named(ann: Person, wrong: dict[str, object], field: str) -> None:
    answer = await ann.api.patch(MINE, json=wrong)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await ann.api.get(MINE)).json() == EMPTY


async def test_preferences_are_the_persons_and_the_administrators(
    ann: Person, admin: Person
) -> None:
    for method in ("GET", "PATCH"):
        answer = await ann.api.request(method, "users/admin/preferences", json={})
        assert answer.status_code == 403
        assert (await admin.api.request(method, MINE, json={})).status_code == 200
    assert (await admin.api.get("users/nobody/preferences")).status_code == 404


async def test_a_test_message_goes_the_way_of_reminders(ann: Person) -> None:
    answer = await ann.api.post(f"{MINE}/test", json={"channel": "log"})
    assert answer.status_code == 202, answer.text
    await drain("log")
    (listed,) = (await ann.api.get("deliveries")).json()["items"]
    assert listed["id"] == answer.json()["delivery_id"]
    assert (listed["kind"], listed["status"], listed["channel"]) == ("test", "sent", "log")


async def test_test_messages_are_few(ann: Person) -> None:
    codes = [
        (await ann.api.post(f"{MINE}/test", json={"channel": "log"})).status_code
        for _ in range(AT_MOST + 1)
    ]
    assert codes == [202] * AT_MOST + [429]


async def test_there_is_no_such_channel_to_test(ann: Person) -> None:
    answer = await ann.api.post(f"{MINE}/test", json={"channel": "pigeon"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "channel"
