"""Alert rules that raise incidents: one for each group, besides the messages."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from notilog import clock
from notilog.db.session import transaction
from notilog.incidents import acting, escalating
from notilog.logs import progress
from notilog.logs.alerts import rules
from notilog.logs.alerts.counting import FORGOTTEN_AFTER
from notilog.logs.alerts.rules import Addressee
from notilog.logs.alerts.watch import watch
from notilog.logs.connectors.alerts import AlertsConnector
from notilog.users.caller import Caller
from tests.integration.alerting import deliveries, failure, handed, make_rule
from tests.integration.incidents.raising import happened, incidents, person, send

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _looking(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_LOGS__CONNECTORS", '["alerts"]')


@pytest.fixture
async def ann(database: None) -> Caller:
    return await person("ann", is_admin=True)


@pytest.fixture
def connector(database: None) -> AlertsConnector:
    return AlertsConnector()


async def said() -> list[tuple[str, str]]:
    return [(row.kind, row.content["said"]) for row in await deliveries()]


async def change(caller: Caller, rule_id: UUID, **changes: Any) -> None:
    async with transaction() as tx:
        await rules.change(
            tx,
            caller,
            rule_id=rule_id,
            changes=changes,
            recipients=None,
            expected=None,
            now=clock.now(),
        )


async def looked_until(at: datetime) -> None:
    async with transaction() as tx:
        await progress.note(tx, at + progress.MARGIN)


async def tick(now: datetime) -> None:
    async with transaction() as tx:
        await escalating.tick(tx, now)


async def test_a_rule_says_it_once_and_its_incident_goes_on(
    ann: Caller, connector: AlertsConnector
) -> None:
    ben = await person("ben")
    rule_id = await make_rule(
        ann,
        Addressee("ben", "email"),
        incident=True,
        project="shop",
        group_by=["host"],
        cooldown_seconds=60,
    )
    begin = clock.now() - timedelta(hours=1)
    batch = handed(failure(host="a"), failure(host="b", level="critical"), at=begin)
    await asyncio.gather(connector.take([batch]), AlertsConnector().take([batch]))
    assert await said() == [("alert", "matched")] * 2
    first, second = sorted(await incidents(), key=lambda row: row.key)
    assert first.key == f"alert:{rule_id}:a"
    assert (first.title, first.severity, first.project) == (
        "Refused — shop/cart",
        "warning",
        "shop",
    )
    assert (second.severity, second.count, second.next_at) == (
        "critical",
        1,
        begin + timedelta(minutes=5),
    )
    await connector.take([handed(failure(host="a"), at=begin + 30 * SECOND)])
    await connector.take([handed(failure(host="a"), at=begin + 70 * SECOND)])
    counted = {row.key[-1]: row.count for row in await incidents()}
    assert counted == {"a": 2, "b": 1}
    assert await said() == [("alert", "matched")] * 2
    assert {row.event_id for row in await deliveries()} == {first.id, second.id}
    await tick(begin + timedelta(minutes=5))
    told = [row for row in await deliveries() if row.kind == "incident"]
    assert [(row.content["said"], row.channel) for row in told] == [("again", "email")] * 2
    assert {row.user_id for row in told} == {ben.user_id}


async def test_without_the_wish_there_is_no_incident(
    ann: Caller, connector: AlertsConnector
) -> None:
    await make_rule(ann)
    await connector.take([handed(failure())])
    assert await incidents() == []


async def test_a_silenced_incident_silences_the_messages_of_its_rule(
    ann: Caller, connector: AlertsConnector
) -> None:
    await make_rule(ann, incident=True, cooldown_seconds=1)
    begin = clock.now() - timedelta(hours=1)
    await connector.take([handed(failure(), at=begin)])
    (row,) = await incidents()
    until = begin + timedelta(minutes=30)
    async with transaction() as tx:
        await acting.silence(tx, ann, incident_id=row.id, until=until, now=begin + SECOND)
    await connector.take([handed(failure(), at=begin + 60 * SECOND)])
    assert await said() == [("alert", "matched")]
    await connector.take([handed(failure(), at=until + SECOND)])
    assert await said() == [("alert", "matched")]
    assert [row.count for row in await incidents()] == [3]


async def test_what_is_missing_is_an_incident_until_it_is_back(
    ann: Caller, connector: AlertsConnector
) -> None:
    begin = clock.now() - timedelta(hours=1)
    await make_rule(
        ann, kind="absence", within_seconds=60, min_level=None, incident=True, now=begin
    )
    await looked_until(begin + 1000 * SECOND)
    await watch(begin + 100 * SECOND)
    (row,) = await incidents()
    assert (row.state, row.severity, row.ends_at) == ("open", "warning", None)
    assert await said() == [("alert", "missing")]
    await send()
    await connector.take([handed(failure(), at=begin + 200 * SECOND)])
    (row,) = await incidents()
    assert (row.state, row.resolved_at) == ("resolved", begin + 200 * SECOND)
    assert await said() == [("alert", "missing"), ("incident", "resolved")]
    assert await happened(row.id) == ["opened", "told", "resolved"]


async def test_what_is_back_and_missing_again_at_once_goes_on(
    ann: Caller, connector: AlertsConnector
) -> None:
    begin = clock.now() - timedelta(hours=1)
    fields = {"kind": "absence", "within_seconds": 60, "count": 2, "min_level": None}
    await make_rule(ann, incident=True, now=begin, **fields)
    await looked_until(begin + 100 * SECOND)
    await watch(begin + 100 * SECOND)
    await send()
    both = handed(failure(), failure(), at=begin + 200 * SECOND)
    await connector.take([both, handed(failure(), at=begin + 1000 * SECOND)])
    (row,) = await incidents()
    assert (row.state, row.count) == ("open", 2)
    assert await said() == [("alert", "missing"), ("incident", "resolved")]


async def test_what_its_rule_was_to_say_is_not_said_once_somebody_knows(
    ann: Caller, connector: AlertsConnector
) -> None:
    await make_rule(ann, incident=True, cooldown_seconds=1)
    await connector.take([handed(failure(), failure())])
    (row,) = await incidents()
    async with transaction() as tx:
        await acting.acknowledge(tx, ann, incident_id=row.id, now=clock.now())
    await connector.take([handed(failure(), at=clock.now() + 60 * SECOND)])
    assert [one.status for one in await deliveries()] == ["withdrawn"]
    async with transaction() as tx:
        await acting.resolve(tx, ann, incident_id=row.id, now=clock.now())
    await connector.take([handed(failure(), at=clock.now() + 120 * SECOND)])
    assert await said() == [("alert", "matched")] * 2


async def test_what_a_deleted_rule_was_to_say_is_still_said(
    ann: Caller, connector: AlertsConnector
) -> None:
    rule_id = await make_rule(ann, incident=True)
    await connector.take([handed(failure())])
    async with transaction() as tx:
        await rules.delete_rule(tx, ann, rule_id=rule_id, expected=None, now=clock.now())
    assert [one.status for one in await deliveries()] == ["pending"]


async def test_what_is_waited_for_no_more_is_no_incident(
    ann: Caller, connector: AlertsConnector
) -> None:
    begin = clock.now() - timedelta(days=8)
    fields = {"kind": "absence", "within_seconds": 60, "min_level": None, "group_by": ["host"]}
    await make_rule(ann, incident=True, now=begin, **fields)
    await connector.take([handed(failure(host="a"), at=begin)])
    await looked_until(begin + FORGOTTEN_AFTER + 1000 * SECOND)
    await watch(begin + 100 * SECOND)
    assert [row.state for row in await incidents()] == ["open"]
    await watch(begin + FORGOTTEN_AFTER + 100 * SECOND)
    assert [row.state for row in await incidents()] == ["resolved"]


@pytest.mark.parametrize("changes", [{"pattern": "x"}, {"enabled": False}, {"incident": False}])
async def test_a_rule_that_is_another_ends_its_incidents(
    ann: Caller, connector: AlertsConnector, changes: dict[str, Any]
) -> None:
    rule_id = await make_rule(ann, incident=True)
    await connector.take([handed(failure())])
    await change(ann, rule_id, name="Another name")
    assert [row.state for row in await incidents()] == ["open"]
    await change(ann, rule_id, **changes)
    assert [row.state for row in await incidents()] == ["resolved"]


async def test_a_deleted_rule_ends_its_incidents(ann: Caller, connector: AlertsConnector) -> None:
    rule_id = await make_rule(ann, incident=True)
    await connector.take([handed(failure())])
    async with transaction() as tx:
        await rules.delete_rule(tx, ann, rule_id=rule_id, expected=None, now=clock.now())
    assert [row.state for row in await incidents()] == ["resolved"]


async def test_a_rule_that_tells_nobody_has_incidents_of_administrators(
    ann: Caller, connector: AlertsConnector
) -> None:
    rule_id = await make_rule(ann, incident=True)
    async with transaction() as tx:
        await rules.change(
            tx,
            ann,
            rule_id=rule_id,
            changes={},
            recipients=[],
            expected=None,
            now=clock.now(),
        )
    begin = clock.now() - timedelta(hours=1)
    await connector.take([handed(failure(), at=begin)])
    for minutes in (5, 20):
        await tick(begin + timedelta(minutes=minutes))
    assert await said() == [("incident", "again")]
