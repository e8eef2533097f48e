"""Many incidents: of one rule within a bound, told in one message, and read by few of many."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, text

from notilog import clock
from notilog.agents import registry
from notilog.agents.registry import Wanted
from notilog.agents.tables import AgentRow
from notilog.db.session import transaction
from notilog.incidents import acting, incidents
from notilog.incidents.incidents import Filters
from notilog.incidents.tables import IncidentRecipientRow, IncidentRow
from notilog.logs.alerts import raising, rules, states
from notilog.logs.alerts.rules import Addressee
from notilog.logs.alerts.tables import AlertRuleRow
from notilog.logs.alerts.watch import watch
from notilog.logs.connectors.alerts import AlertsConnector
from notilog.notifications import claims
from notilog.users.caller import Caller
from tests.integration.alerting import deliveries, failure, handed, make_rule
from tests.integration.incidents import raising as raised
from tests.integration.incidents.raising import at, occur, occurrence, person, tick, told

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _looking(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_LOGS__CONNECTORS", '["alerts"]')


@pytest.fixture
async def ann(database: None) -> Caller:
    return await person("ann", is_admin=True)


@pytest.fixture
def connector(database: None) -> AlertsConnector:
    return AlertsConnector()


async def concerned() -> set[tuple[str, UUID, str | None]]:
    row = IncidentRecipientRow
    statement = select(IncidentRow.state, row.user_id, row.channel).join(
        row, row.incident_id == IncidentRow.id
    )
    async with transaction() as tx:
        return {(state, who, where) for state, who, where in await tx.execute(statement)}


async def test_a_rule_has_so_many_and_the_rest_share_one(
    ann: Caller, connector: AlertsConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raising, "MOST", 3)
    rule_id = await make_rule(ann, incident=True, group_by=["host"], cooldown_seconds=1)
    begin = clock.now() - timedelta(hours=1)
    await connector.take([handed(*(failure(host=host) for host in "abcde"), at=begin)])
    later = handed(failure(host="a"), failure(host="e"), failure(host="f"), at=begin + MINUTE)
    await connector.take([later])
    counted = {row.key: row.count for row in await raised.incidents()}
    prefix = f"alert:{rule_id}:"
    assert counted == {
        f"{prefix}{group}": count for group, count in (("a", 2), ("b", 1), ("c", 1), ("…", 4))
    }
    assert [row.content["said"] for row in await deliveries()] == ["matched"] * 4
    async with transaction() as tx:
        done = next(row.id for row in await raised.incidents() if row.key == f"{prefix}b")
        await acting.resolve(tx, ann, incident_id=done, now=clock.now())
    await connector.take([handed(failure(host="g"), at=begin + 2 * MINUTE)])
    assert [row.key for row in await raised.incidents()][-1] == f"{prefix}g"


async def test_many_that_are_told_at_once_are_one_message(ann: Caller) -> None:
    ben = await person("ben")
    await occur(*(occurrence(ann, key=f"agent:{number}") for number in range(5)))
    await occur(occurrence(ben, key="agent:6"))
    await tick(5)
    assert sorted(await told()) == [("again", 2)] * 6 + [("opened", 1)] * 6
    async with transaction() as tx:
        claimed = await claims.claim(tx, "log", now=at(6), limit=100, late_after=MINUTE)
    sizes = sorted((len(parcel.claims), parcel.first.to.login) for parcel in claimed.parcels)
    assert sizes == [(1, "ben"), (1, "ben"), (5, "ann"), (5, "ann")]


async def test_who_is_told_by_a_changed_rule_is_who_its_incidents_concern(
    ann: Caller, connector: AlertsConnector
) -> None:
    ben = await person("ben")
    rule_id = await make_rule(ann, incident=True, group_by=["host"])
    await connector.take([handed(failure(host="a"), failure(host="b"))])
    async with transaction() as tx:
        gone = (await raised.incidents())[0].id
        await acting.resolve(tx, ann, incident_id=gone, now=clock.now())
    async with transaction() as tx:
        await rules.change(
            tx,
            ann,
            rule_id=rule_id,
            changes={},
            recipients=[Addressee("ben", "email")],
            expected=None,
            now=clock.now(),
        )
    assert await concerned() == {("resolved", ann.user_id, None), ("open", ben.user_id, "email")}


async def test_who_is_told_of_an_agent_is_who_its_incidents_concern(ann: Caller) -> None:
    ben, eve = await person("ben"), await person("eve")
    about = {"hostname": "h", "program": "1", "system": "s", "python": "3"}
    row = AgentRow(name="web-1", owner=ann.user_id, tell=["ben"], settings={}, **about)
    async with transaction() as tx:
        tx.add(row)
        await tx.flush()
        agent_id = row.id
    await occur(occurrence(ann, ben, key=f"agent:{agent_id}:check:db"))
    async with transaction() as tx:
        await registry.change(
            tx, agent_id, wanted=Wanted(tell=["eve"]), expected=None, now=clock.now()
        )
    assert await concerned() == {("open", who.user_id, None) for who in (ann, eve)}


async def test_what_lasts_ends_with_its_rule_however_that_went(
    ann: Caller, connector: AlertsConnector
) -> None:
    rule_id = await make_rule(ann, incident=True)
    keys = [f"alert:{one}:{group}" for one in (rule_id, UUID(int=1)) for group in ("a", "b")]
    lasting = (occurrence(ann, key=key, source="alert", lasts=key[-1] == "a") for key in keys)
    await occur(*lasting, occurrence(ann, lasts=True))
    await watch(clock.now())
    over = {row.key for row in await raised.incidents() if row.state == "resolved"}
    assert over == {keys[2]}
    async with transaction() as tx:
        await tx.execute(delete(AlertRuleRow))
    await watch(clock.now())
    over = {row.key for row in await raised.incidents() if row.state == "resolved"}
    assert over == {keys[0], keys[2]}


async def test_who_watches_leaves_alone_what_is_being_changed(
    ann: Caller, connector: AlertsConnector
) -> None:
    begin = clock.now() - timedelta(hours=1)
    rule_id = await make_rule(
        ann, kind="absence", within_seconds=60, min_level=None, incident=True, now=begin
    )
    at_once = begin + 2 * MINUTE
    async with transaction() as tx:
        await tx.execute(select(AlertRuleRow.id).with_for_update())  # as whoever changes it
        async with transaction() as other:
            assert not await states.due(other, at_once, known_until=at_once, limit=10)
    async with transaction() as tx:
        assert len(await states.due(tx, at_once, known_until=at_once, limit=10)) == 1
        async with transaction() as other:
            counting = select(AlertRuleRow.id).with_for_update(
                key_share=True, read=True, nowait=True
            )
            assert (await other.scalars(counting)).all() == [rule_id]
            changing = select(AlertRuleRow.id).with_for_update(skip_locked=True)
            assert (await other.scalars(changing)).all() == []


async def test_few_are_read_of_many_that_are_over(ann: Caller) -> None:
    await occur(occurrence(ann), occurrence(ann, key="agent:2"))
    async with transaction() as tx:
        await tx.execute(
            text(
                """
                INSERT INTO incidents (id, key, source, title, severity, state, about, opened_at,
                                       last_at, resolved_at)
                SELECT gen_random_uuid(), 'agent:' || n, 'agent', 't', 'info', 'resolved', '{}',
                       now(), now(), now()
                FROM generate_series(1, 20000) AS n
                """
            )
        )
    async with transaction() as tx:
        await tx.execute(text("ANALYZE incidents"))
        assert await incidents.by_state(tx, most_resolved=5_000) == {
            "open": 2,
            "acknowledged": 0,
            "resolved": 5_000,
        }
        filters = Filters(states=("open", "acknowledged"))
        assert len((await incidents.listing(tx, ann, filters=filters, limit=50))[0]) == 2
        for statement in (
            """
            SELECT * FROM incidents
            WHERE state IN ('open', 'acknowledged') AND incidents.state <> 'resolved'
            ORDER BY id DESC LIMIT 51
            """,
            "SELECT state, count(*) FROM incidents WHERE state <> 'resolved' GROUP BY state",
        ):
            plan = "\n".join(await tx.scalars(text(f"EXPLAIN {statement}")))
            assert "Seq Scan" not in plan
            assert "pk_incidents" not in plan
