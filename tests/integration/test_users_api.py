"""People are added, found, shown and changed over the API, each within their rights."""

import pytest
from httpx import AsyncClient

from tests.integration.conftest import Person, SignIn

BEN = {"login": "ben", "name": {"first": "Ben", "last": "Oak"}}


async def test_an_administrator_adds_a_person_with_everything_that_can_be_said(
    admin: Person,
) -> None:
    said = {
        **BEN,
        "email": "ben@example.org",
        "phone": "+7 (916) 123-45-67",
        "telegram_chat_id": 12345,
        "slack_webhook": "https://hooks.slack.com/services/T/B/x",
        "timezone": "Europe/Moscow",
        "language": "ru",
        "work_days": {"day_from": "sun", "day_to": "thu", "time_from": "22:00", "time_to": "06:00"},
    }
    answer = await admin.api.post("users", json={**said, "password": "correct horse"})
    assert answer.status_code == 201
    shown = answer.json()
    assert shown.pop("created_at").endswith("Z")
    normalised = {"phone": "+79161234567", "telegram_chat_id": "12345", "role": "user"}
    assert shown == {**said, **normalised}
    assert (await admin.api.get("users/ben")).json() == answer.json()


async def test_what_is_left_out_has_its_default(admin: Person) -> None:
    shown = (await admin.api.post("users", json=BEN)).json()
    assert (shown["timezone"], shown["language"], shown["role"]) == ("UTC", "en", "user")
    assert shown["email"] is None
    assert shown["work_days"] is None


async def test_logins_do_not_differ_by_case(admin: Person) -> None:
    assert (await admin.api.post("users", json={**BEN, "login": "Ben"})).json()["login"] == "ben"
    assert (await admin.api.post("users", json=BEN)).status_code == 409
    assert (await admin.api.get("users/BEN")).status_code == 200


async def test_others_see_only_login_and_name(ann: Person, admin: Person) -> None:
    await admin.api.post("users", json={**BEN, "email": "ben@example.org"})
    assert (await ann.api.get("users/ben")).json() == BEN
    assert (await ann.api.get("users/ann")).json()["email"] == "ann@example.org"
    listed = (await ann.api.get("users", params={"login": ["ben", "ann", "nobody"]})).json()
    assert [one["login"] for one in listed["items"]] == ["ann", "ben"]
    assert "email" in listed["items"][0]
    assert "email" not in listed["items"][1]
    everything = (await admin.api.get("users", params={"login": "ben"})).json()
    assert everything["items"][0]["email"] == "ben@example.org"


async def test_pages_of_users_meet_each_user_once(admin: Person, sign_in: SignIn) -> None:
    for number in range(5):
        await sign_in(f"user{number}")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await admin.api.get("users", params={"limit": 2, "cursor": cursor})).json()
        seen += [one["login"] for one in page["items"]]
        cursor = page["next"]
    assert seen == ["admin", *(f"user{number}" for number in range(5))]


async def test_an_unknown_user_is_not_found(ann: Person) -> None:
    answer = await ann.api.get("users/nobody")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_people_change_their_contacts_and_empty_them(ann: Person) -> None:
    change = {"email": None, "phone": "+79161234567", "name": {"first": "Anna", "last": "Lee"}}
    answer = await ann.api.patch("users/ann", json=change)
    assert answer.status_code == 200
    assert answer.json() | change == answer.json()
    assert (await ann.api.patch("users/ann", json={})).json() == answer.json()


async def test_a_password_changes_only_with_the_old_one_and_ends_other_sessions(
    admin: Person, anonymous: AsyncClient
) -> None:
    await admin.api.post("users", json={**BEN, "password": "correct horse"})
    mine, other = [
        (
            await anonymous.post("sessions", json={"login": "ben", "password": "correct horse"})
        ).json()
        for _ in range(2)
    ]
    anonymous.cookies.clear()
    as_me = {"Authorization": f"Bearer {mine['session_id']}"}
    as_other = {"Authorization": f"Bearer {other['session_id']}"}
    for old in ({}, {"old_password": "battery staple"}):
        refused = await anonymous.patch(
            "users/ben", json={"password": "new password", **old}, headers=as_me
        )
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "old_password"
    changed = await anonymous.patch(
        "users/ben",
        json={"password": "new password", "old_password": "correct horse"},
        headers=as_me,
    )
    assert changed.status_code == 200
    assert (await anonymous.get("sessions/current", headers=as_me)).status_code == 200
    assert (await anonymous.get("sessions/current", headers=as_other)).status_code == 401
    again = await anonymous.post("sessions", json={"login": "ben", "password": "new password"})
    assert again.status_code == 201


async def test_an_administrator_changes_anybody_and_gives_roles(admin: Person, ann: Person) -> None:
    answer = await admin.api.patch("users/ann", json={"role": "admin", "password": "new password"})
    assert answer.json()["role"] == "admin"
    assert (await ann.api.get("sessions/current")).status_code == 401


async def test_the_last_administrator_stays_one(admin: Person, sign_in: SignIn) -> None:
    assert (await admin.api.patch("users/admin", json={"role": "user"})).status_code == 409
    await sign_in("second", role="admin")
    assert (await admin.api.patch("users/admin", json={"role": "user"})).status_code == 200
    assert (await admin.api.post("users", json=BEN)).status_code == 403


@pytest.mark.parametrize(
    "change",
    [{"role": "admin"}, {"role": "user", "email": "a@example.org"}],
)
async def test_nobody_gives_themselves_a_role(ann: Person, change: dict[str, str]) -> None:
    assert (await ann.api.patch("users/ann", json=change)).status_code == 403
    assert (await ann.api.get("users/ann")).json()["role"] == "user"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", ""),
        ("login", "two words"),
        ("login", "a" * 64),
        ("login", "ann\n"),
        ("login", None),
        ("name", "Ann"),
        ("name.first", {"first": " ", "last": "Lee"}),
        ("name.last", {"first": "Ann"}),
        ("name.middle", {"first": "Ann", "last": "Lee", "middle": "B"}),
        ("name.first", {"first": "Ann\r\nBcc: all@example.org", "last": "Lee"}),
        ("password", "short"),
        ("password", 12345678),
        ("email", "nowhere"),
        ("email", "a@b\r\nBcc: c@d"),
        ("email", "a@example.org\n"),
        ("phone", "12"),
        ("telegram_chat_id", "not a chat"),
        ("telegram_chat_id", True),
        ("slack_webhook", "file:///etc/passwd"),
        ("slack_webhook", "https://user:word@example.org/"),
        ("slack_webhook", "http://[half"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "localtime"),
        ("timezone", "Factory"),
        ("language", "xx"),
        ("role", "root"),
        (
            "work_days.day_from",
            {"day_from": "Monday", "day_to": "fri", "time_from": "09:00", "time_to": "18:00"},
        ),
        (
            "work_days.time_from",
            {"day_from": "mon", "day_to": "fri", "time_from": "9:00", "time_to": "18:00"},
        ),
        (
            "work_days.time_to",
            {"day_from": "mon", "day_to": "fri", "time_from": "09:00", "time_to": "24:00"},
        ),
        (
            "work_days.time_to",
            {"day_from": "mon", "day_to": "fri", "time_from": "09:00", "time_to": "18:00\n"},
        ),
        ("work_days.time_to", {"day_from": "mon", "day_to": "fri", "time_from": "09:00"}),
        ("unknown", 1),
    ],
)
async def test_a_refusal_names_the_field_and_the_reason(
    admin: Person, field: str, value: object
) -> None:
    answer = await admin.api.post("users", json={**BEN, field.partition(".")[0]: value})
    assert answer.status_code == 422
    problem = answer.json()
    assert field in [error["field"] for error in problem["errors"]]
    assert all(error["reason"] for error in problem["errors"])
    assert problem["title"] == "Unprocessable Entity"
    assert problem["status"] == 422


@pytest.mark.parametrize("field", ["name", "password", "role", "timezone", "language"])
async def test_what_everybody_has_cannot_be_emptied(admin: Person, field: str) -> None:
    answer = await admin.api.patch("users/admin", json={field: None})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
