"""Agents that fall silent and come back, checks that fail and recover: each told once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from notilog import clock
from notilog.agents import connecting, enrolment, history, registry, watching
from notilog.agents.protocol import About, CheckResult, Heartbeat
from notilog.agents.settings_schema import AgentSettings
from notilog.agents.tables import AgentChangeRow, AgentRow, EnrolmentRow
from notilog.db.session import reading, transaction
from notilog.errors import Unauthenticated
from notilog.incidents.tables import IncidentRow
from notilog.notifications.tables import DeliveryRow
from notilog.users.caller import Caller
from notilog.users.tables import UserRow
from tests.integration.conftest import Person
from tests.integration.decided import people
from tests.integration.incidents.raising import send

HOUR = timedelta(hours=1)


async def _agent(owner: UUID) -> UUID:
    """One that is heard of for the first time an hour ago."""
    then = clock.now() - HOUR
    maker = Caller(owner, "ann", "admin", scopes=None, project=None)
    async with transaction() as tx:
        code = await enrolment.allow(tx, maker, now=then)
    about = About(name="web-1", version="1.0")
    async with transaction() as tx:
        agent_id = (await enrolment.enrol(tx, code.code, about=about, now=then)).agent_id
        checks = [{"name": name, "kind": "process", "match": name} for name in ("nginx", "db")]
        settings = AgentSettings.model_validate({"checks": checks}).model_dump(mode="json")
        await tx.execute(update(AgentRow).where(AgentRow.id == agent_id).values(settings=settings))
    return agent_id


async def _beats(agent_id: UUID, *, after: timedelta, **checks: bool) -> None:
    connection_id = uuid4()
    at = clock.now() - HOUR + after
    results = [CheckResult(name, "process", is_ok) for name, is_ok in checks.items()]
    async with transaction() as tx:
        await tx.execute(
            update(AgentRow).where(AgentRow.id == agent_id).values(connection_id=connection_id)
        )
        beat = Heartbeat(at=at, checks=results)
        await connecting.heard(tx, agent_id, connection_id=connection_id, beat=beat, now=at)


async def _told(seconds: float) -> list[tuple[str, str]]:
    """What is told in all once several have watched so long after the start; it was sent before."""
    await send()
    now = clock.now() - HOUR + timedelta(seconds=seconds)
    await asyncio.gather(watching.watch(now), watching.watch(now))
    await watching.watch(now)
    async with reading() as tx:
        rows = await tx.scalars(select(DeliveryRow).order_by(DeliveryRow.id))
        told = [row.content["about"] for row in rows]
        return [(about["said"], about["check"]) for about in told]


@pytest.fixture
async def owner(database: None) -> UUID:
    """An administrator."""
    (made,) = await people("ann")
    async with transaction() as tx:
        await tx.execute(update(UserRow).where(UserRow.id == made).values(role="admin"))
    return made


async def test_it_is_told_once_that_it_is_gone_and_once_that_it_is_back(owner: UUID) -> None:
    agent_id = await _agent(owner)
    assert await _told(0) == []
    await _beats(agent_id, after=timedelta(seconds=5))
    assert await _told(6) == []
    assert await _told(50) == []
    assert await _told(70) == [("offline", "")]
    assert await _told(700) == [("offline", "")]
    await _beats(agent_id, after=timedelta(seconds=705))
    assert await _told(706) == [("offline", ""), ("online", "")]
    async with reading() as tx:
        found, _ = await history.listing(tx, agent_id, limit=100)
    assert [(one.before, one.after) for one in reversed(found)] == [
        ("new", "online"),
        ("online", "late"),
        ("late", "offline"),
        ("offline", "online"),
    ]


async def test_checks_are_told_when_they_fail_and_when_they_recover(owner: UUID) -> None:
    agent_id = await _agent(owner)
    await _beats(agent_id, after=timedelta(seconds=5), nginx=True, db=False)
    assert await _told(6) == [("failing", "db")]
    await _beats(agent_id, after=timedelta(seconds=15), nginx=False, db=False)
    assert await _told(16) == [("failing", "db"), ("failing", "nginx")]
    await _beats(agent_id, after=timedelta(seconds=25), nginx=False, db=True)
    assert (await _told(26))[2:] == [("ok", "db")]
    await _beats(agent_id, after=timedelta(seconds=35), db=True)  # nginx is checked no more
    assert len(await _told(36)) == 3


async def test_checks_that_nobody_asked_for_are_no_news(owner: UUID) -> None:
    agent_id = await _agent(owner)
    await _beats(agent_id, after=timedelta(seconds=5), made_up=False, db=False)
    assert await _told(6) == [("failing", "db")]
    async with reading() as tx:
        found, _ = await history.listing(tx, agent_id, limit=100)
    assert [one.name for one in found if one.what == "check"] == ["db"]


async def test_others_are_told_too_and_nobody_twice(owner: UUID) -> None:
    agent_id = await _agent(owner)
    await people("ben")
    async with transaction() as tx:
        tell = update(AgentRow).where(AgentRow.id == agent_id).values(tell=["ann", "ben"])
        await tx.execute(tell)
    await _beats(agent_id, after=timedelta(seconds=5), db=False)
    assert await _told(6) == [("failing", "db")] * 2
    async with reading() as tx:
        rows = (await tx.scalars(select(DeliveryRow))).all()
    assert len({row.user_id for row in rows}) == 2


async def _incidents() -> dict[str, str]:
    async with reading() as tx:
        rows = await tx.scalars(select(IncidentRow).order_by(IncidentRow.id))
        return {row.key.removeprefix("agent:")[36:]: row.state for row in rows}


async def test_what_is_wrong_is_an_incident_until_it_is_well(owner: UUID) -> None:
    agent_id = await _agent(owner)
    await _beats(agent_id, after=timedelta(seconds=5), db=False)
    await _told(6)
    await _told(70)
    assert await _incidents() == {":check:db": "open", "": "open"}
    await _beats(agent_id, after=timedelta(seconds=75), db=False)
    await _told(76)
    assert await _incidents() == {":check:db": "open", "": "resolved"}
    await _beats(agent_id, after=timedelta(seconds=85))  # db is checked no more
    assert len(await _told(86)) == 3
    assert await _incidents() == {":check:db": "resolved", "": "resolved"}


async def test_a_deleted_agent_has_no_incidents(owner: UUID) -> None:
    agent_id = await _agent(owner)
    await _beats(agent_id, after=timedelta(seconds=5), db=False)
    await _told(6)
    async with transaction() as tx:
        await registry.remove(tx, agent_id, now=clock.now())
    assert await _incidents() == {":check:db": "resolved"}


async def test_what_is_old_is_forgotten(owner: UUID) -> None:
    agent_id = await _agent(owner)
    await _beats(agent_id, after=timedelta(seconds=5))
    await _told(6)
    async with transaction() as tx:
        await history.forget(tx, clock.now() + timedelta(days=29))
        assert await tx.scalar(select(AgentChangeRow.id)) is not None
        assert await tx.scalar(select(EnrolmentRow.code_hash)) is None
        await history.forget(tx, clock.now() + timedelta(days=31))
        assert await tx.scalar(select(AgentChangeRow.id)) is None


async def test_a_code_is_good_for_minutes(owner: UUID) -> None:
    maker = Caller(owner, "ann", "admin", scopes=None, project=None)
    now = clock.now()
    async with transaction() as tx:
        code = await enrolment.allow(tx, maker, now=now)
    assert code.expires_at == now + timedelta(minutes=15)
    with pytest.raises(Unauthenticated):
        async with transaction() as tx:
            await enrolment.enrol(tx, code.code, about=About(name="x"), now=code.expires_at)


async def test_agents_are_changed_over_the_api(admin: Person) -> None:
    async with transaction() as tx:
        owner = (await tx.scalars(select(UserRow.id).where(UserRow.login == "admin"))).one()
    agent_id = await _agent(owner)
    path = f"agents/{agent_id}"
    shown = await admin.api.get(path)
    assert (shown.headers["ETag"], shown.json()["state"]) == ('"1"', "new")
    settings = {"checks": [{"name": "db", "kind": "port", "port": 5432}]}
    wanted = {"name": "Web", "tell": ["admin"], "settings": settings}
    changed = await admin.api.patch(path, json=wanted, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json()["settings_version"] == 2
    assert changed.json()["settings"]["checks"][0]["host"] == "127.0.0.1"
    stale = await admin.api.patch(path, json=wanted, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    same = await admin.api.patch(path, json=wanted)
    assert same.json()["settings_version"] == 2
    assert (await admin.api.get(f"{path}/history")).json() == {"items": [], "next": None}
    metrics = (await admin.api.get("metrics")).text
    assert 'notilog_agents{state="new"} 1.0' in metrics
    assert (await admin.api.delete(path)).status_code == 204
    assert (await admin.api.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tell": ["nobody"]}, "tell.0"),
        ({"settings": {"files": [{"path": "a", "project": "p", "module": "m"}]}}, "files.0.path"),
        ({"settings": {"check_seconds": 0}}, "settings.check_seconds"),
        (
            {
                "settings": {
                    "checks": [
                        {"name": f"{'x' * 190} {number}", "kind": "process", "match": "x"}
                        for number in range(110)
                    ]
                }
            },
            "settings.checks",
        ),
        ({"settings": {"extra": 1}}, "settings.extra"),
        ({"settings": {"checks": [{"name": "a", "kind": "none"}]}}, "settings.checks.0"),
        ({"settings": {"checks": [{"name": "a", "kind": "port", "port": 0}]}}, "port"),
    ],
)
async def test_wrong_changes_name_the_field(
    admin: Person, changes: dict[str, Any], field: str
) -> None:
    async with transaction() as tx:
        owner = (await tx.scalars(select(UserRow.id).where(UserRow.login == "admin"))).one()
    agent_id = await _agent(owner)
    answer = await admin.api.patch(f"agents/{agent_id}", json=changes)
    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["field"]
