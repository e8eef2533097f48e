"""What comes and goes is one incident, and people hear of it as seldom as of one that stays."""

import asyncio

import pytest

from notilog import settings as schema
from notilog.db.session import transaction
from notilog.incidents import acting
from notilog.incidents.ending import Over, over
from notilog.users.caller import Caller
from tests.integration.incidents.raising import (
    ABOUT,
    at,
    happened,
    incidents,
    occur,
    occurrence,
    person,
    send,
    tick,
    told,
)

KEY = "agent:1:check:db"


@pytest.fixture
async def ann(database: None) -> Caller:
    return await person("ann")


async def end(minutes: float, *keys: str) -> None:
    async with transaction() as tx:
        await over(tx, [Over(key, ABOUT) for key in keys or (KEY,)], now=at(minutes))


async def test_what_flaps_is_one_incident_that_is_told_as_if_it_stayed(ann: Caller) -> None:
    for minute in range(60):
        await occur(occurrence(ann, minutes=minute))
        await tick(minute + 0.1)
        await send()
        await end(minute + 0.5)
    (row,) = await incidents()
    assert (row.state, row.count, row.step) == ("resolved", 60, 4)
    assert await told() == [
        (said, step)
        for step, begins in enumerate(("opened", "again", "again", "again"), 1)
        for said in (begins, "resolved")
    ]


async def test_it_goes_on_with_the_step_the_time_and_whoever_saw_to_it(ann: Caller) -> None:
    incident = await occur(occurrence(ann))
    await end(3)
    again = await occur(occurrence(ann, minutes=4, severity="info", times=2))
    assert (again.id, again.is_new) == (incident.id, False)
    (row,) = await incidents()
    assert (row.state, row.count, row.step, row.next_at) == ("open", 3, 1, at(5))
    assert (row.severity, row.resolved_at, row.ends_at) == ("critical", None, at(24 * 60 + 4))
    assert await happened(row.id) == ["opened", "told", "resolved", "again"]
    async with transaction() as tx:
        await acting.acknowledge(tx, ann, incident_id=row.id, now=at(4.5))
    await end(6)
    await occur(occurrence(ann, minutes=7))
    await tick(100)
    (row,) = await incidents()
    assert (row.state, row.acknowledged_by, row.step) == ("acknowledged", ann.user_id, 1)


async def test_what_somebody_resolved_or_was_over_for_long_is_another(ann: Caller) -> None:
    first = await occur(occurrence(ann), occurrence(ann, key="agent:2"))
    async with transaction() as tx:
        await acting.resolve(tx, ann, incident_id=first.id, now=at(1))
    await end(1, KEY)
    found = [
        await occur(occurrence(ann, minutes=minutes, key=key))
        for key, minutes in (("agent:2", 2), (KEY, 11))
    ]
    assert [one.is_new for one in found] == [True, True]
    await end(20, KEY)
    assert not (await occur(occurrence(ann, minutes=29))).is_new
    assert [row.reopens_until for row in await incidents()] == [None] * 4


async def test_many_at_once_reopen_one_and_never_open_two(ann: Caller) -> None:
    await occur(occurrence(ann))
    await end(1)
    found = await asyncio.gather(
        *(occur(occurrence(ann, minutes=minutes)) for minutes in (2, 10.5, 11, 12) * 3),
        *(end(3) for _ in range(4)),
    )
    rows = await incidents()
    assert sum(row.count for row in rows) == 13
    assert sum(row.state != "resolved" for row in rows) <= 1
    assert len([one for one in found if one]) == 12


async def test_without_the_setting_each_is_another(
    ann: Caller, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_INCIDENTS__REOPEN_MINUTES", "0")
    schema.load()
    await occur(occurrence(ann))
    await end(1)
    assert (await occur(occurrence(ann, minutes=1))).is_new


async def test_the_gravest_of_those_that_come_together_counts(ann: Caller) -> None:
    incident = await occur(*(occurrence(ann, severity=one) for one in ("critical", "info")))
    (row,) = await incidents()
    assert (row.id, row.severity, row.count) == (incident.id, "critical", 2)
    assert row.next_at == at(5)
