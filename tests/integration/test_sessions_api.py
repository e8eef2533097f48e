"""Signing in and out: bearer, cookie with its CSRF header, expiry, and limits on guessing."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from httpx import AsyncClient
from sqlalchemy import func, select, update

from notilog import clock
from notilog.db.session import transaction
from notilog.users import passwords, sessions
from notilog.users.tables import LoginAttemptsRow, SessionRow, UserRow
from tests.integration.conftest import Person

PASSWORD = {"login": "ben", "password": "correct horse"}
WRONG = {"login": "ben", "password": "battery staple"}


@pytest.fixture
async def ben(admin: Person) -> None:
    """Somebody with a password."""
    name = {"first": "Ben", "last": "Oak"}
    assert (await admin.api.post("users", json={**PASSWORD, "name": name})).status_code == 201


async def test_a_password_opens_a_session_that_ends_when_told_to(
    ben: None, anonymous: AsyncClient
) -> None:
    opened = await anonymous.post("sessions", json=PASSWORD)
    assert opened.status_code == 201
    anonymous.cookies.clear()
    bearer = {"Authorization": f"Bearer {opened.json()['session_id']}"}
    current = (await anonymous.get("sessions/current", headers=bearer)).json()
    assert current["login"] == "ben"
    assert current["expires_at"] == opened.json()["expires_at"]
    assert "admin" not in current["scopes"]
    assert (await anonymous.delete("sessions/current", headers=bearer)).status_code == 204
    again = await anonymous.get("sessions/current", headers=bearer)
    assert again.status_code == 401
    assert again.headers["www-authenticate"].startswith("Bearer")


async def test_neither_password_nor_session_id_is_stored(ben: None, anonymous: AsyncClient) -> None:
    session_id = (await anonymous.post("sessions", json=PASSWORD)).json()["session_id"]
    async with transaction() as tx:
        stored = await tx.scalar(select(UserRow.password_hash).where(UserRow.login == "ben"))
        hashes = (await tx.scalars(select(SessionRow.id_hash))).all()
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert session_id.encode() not in hashes
    assert all(len(one) == 32 for one in hashes)


@pytest.mark.parametrize(
    "given",
    [WRONG, {"login": "nobody", "password": "correct horse"}, {"login": "admin", "password": "x"}],
)
async def test_a_refusal_does_not_tell_what_was_wrong(
    ben: None, anonymous: AsyncClient, given: dict[str, str]
) -> None:
    refused = await anonymous.post("sessions", json=given)
    assert refused.status_code == 401
    assert refused.json()["detail"] == "login or password is wrong"
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Bearer ntl_x", "Basic eDp5", "x"])
async def test_who_is_not_known_is_refused(anonymous: AsyncClient, header: str) -> None:
    refused = await anonymous.get("users", headers={"Authorization": header})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_a_browser_is_known_by_its_cookie_and_changes_with_the_csrf_header(
    ben: None, anonymous: AsyncClient
) -> None:
    opened = await anonymous.post("sessions", json=PASSWORD)
    cookie = opened.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    current = await anonymous.get("sessions/current")
    assert current.json()["csrf_token"] == opened.json()["csrf_token"]
    for headers in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": "0" * 10_000}):
        refused = await anonymous.patch("users/ben", json={"language": "ru"}, headers=headers)
        assert refused.status_code == 403
    token = {"X-CSRF-Token": opened.json()["csrf_token"]}
    changed = await anonymous.patch("users/ben", json={"language": "ru"}, headers=token)
    assert changed.status_code == 200
    assert (await anonymous.delete("sessions/current", headers=token)).status_code == 204
    assert "notilog_session" not in anonymous.cookies


async def test_a_session_expires_and_is_forgotten(ben: None, ann: Person) -> None:
    async with transaction() as tx:
        await tx.execute(update(SessionRow).values(expires_at=clock.now()))
    assert (await ann.api.get("sessions/current")).status_code == 401
    async with transaction() as tx:
        assert await sessions.forget_expired(tx, clock.now()) == 2
        assert await tx.scalar(select(func.count()).select_from(SessionRow)) == 0


async def test_use_prolongs_a_session_but_not_for_ever(ann: Person) -> None:
    for age, left in ((1, 168), (700, 20)):
        async with transaction() as tx:
            await tx.execute(
                update(SessionRow).values(
                    created_at=clock.now() - timedelta(hours=age),
                    expires_at=clock.now() + timedelta(minutes=30),
                )
            )
        await ann.api.get("sessions/current")
        end = (await ann.api.get("sessions/current")).json()["expires_at"]
        async with transaction() as tx:
            stored = await tx.scalar(select(SessionRow.expires_at))
        assert stored is not None
        assert end == stored.isoformat().replace("+00:00", "Z")
        assert abs(stored - clock.now() - timedelta(hours=left)) < timedelta(minutes=1)


async def test_guessing_is_slowed_down_even_all_at_once(
    environment: pytest.MonkeyPatch, ben: None, anonymous: AsyncClient
) -> None:
    answers = await asyncio.gather(*(anonymous.post("sessions", json=WRONG) for _ in range(30)))
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 20}
    refused = await anonymous.post("sessions", json=PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300
    async with transaction() as tx:
        await tx.execute(update(LoginAttemptsRow).values(window_until=clock.now()))
    assert (await anonymous.post("sessions", json=PASSWORD)).status_code == 201


async def test_many_logins_from_one_address_are_slowed_down(anonymous: AsyncClient) -> None:
    async with transaction() as tx:
        tx.add(
            LoginAttemptsRow(
                subject="address:127.0.0.1",
                failures=99,
                window_until=clock.now() + timedelta(minutes=5),
            )
        )
    codes = [
        (await anonymous.post("sessions", json={**WRONG, "login": f"user{number}"})).status_code
        for number in range(2)
    ]
    assert codes == [401, 429]


async def test_a_right_password_forgives_earlier_wrong_ones(
    ben: None, anonymous: AsyncClient
) -> None:
    for given in [*([WRONG] * 9), PASSWORD, *([WRONG] * 9), PASSWORD]:
        answer = await anonymous.post("sessions", json=given)
        assert answer.status_code == (201 if given is PASSWORD else 401)


async def test_a_login_rehashes_a_password_that_was_cheaper_to_guess(
    ben: None, anonymous: AsyncClient
) -> None:
    cheap = PasswordHasher(memory_cost=8192, time_cost=1, parallelism=1)
    async with transaction() as tx:
        await tx.execute(
            update(UserRow)
            .where(UserRow.login == "ben")
            .values(password_hash=cheap.hash(PASSWORD["password"]))
        )
    for _ in range(2):
        assert (await anonymous.post("sessions", json=PASSWORD)).status_code == 201
    async with transaction() as tx:
        stored = await tx.scalar(select(UserRow.password_hash).where(UserRow.login == "ben"))
    assert stored is not None
    assert not passwords.is_outdated(stored)
