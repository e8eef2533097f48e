"""The life of an incident: opened once, told again, acknowledged, silenced, resolved."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from notilog import settings as schema
from notilog.db.session import transaction
from notilog.errors import Conflict, Invalid, NotFound
from notilog.incidents import acting, history
from notilog.incidents.ending import Over, over
from notilog.incidents.incidents import Shown
from notilog.incidents.opening import Opened
from notilog.incidents.tables import IncidentHistoryRow
from notilog.notifications.tables import DeliveryRow
from notilog.notifications.wishes import CRITICAL, NEAR
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


async def acknowledge(caller: Caller, incident: Opened, minutes: float = 1) -> Shown:
    async with transaction() as tx:
        return await acting.acknowledge(tx, caller, incident_id=incident.id, now=at(minutes))


async def resolve(caller: Caller, incident: Opened, minutes: float = 1) -> Shown:
    async with transaction() as tx:
        return await acting.resolve(tx, caller, incident_id=incident.id, now=at(minutes))


async def silence(
    caller: Caller, incident: Opened, *, until: float | None, minutes: float = 1
) -> Shown:
    end = None if until is None else at(until)
    async with transaction() as tx:
        return await acting.silence(tx, caller, incident_id=incident.id, until=end, now=at(minutes))


async def end(minutes: float, about: dict[str, Any] | None) -> frozenset[str]:
    """Its source says that it is over."""
    async with transaction() as tx:
        return await over(tx, [Over(KEY, about)], now=at(minutes))


async def test_many_at_once_open_one_and_tell_of_it_once(ann: Caller) -> None:
    found = await asyncio.gather(*(occur(occurrence(ann)) for _ in range(8)))
    assert len({one.id for one in found}) == 1
    assert sum(one.is_new for one in found) == 1
    (row,) = await incidents()
    assert (row.state, row.count, row.step) == ("open", 8, 1)
    assert row.next_at == at(5)
    assert await told() == [("opened", 1)]
    assert await happened(row.id) == ["opened", "told"]
    async with transaction() as tx:
        (delivery,) = (await tx.scalars(select(DeliveryRow))).all()
    assert (delivery.kind, delivery.priority) == ("incident", CRITICAL)
    assert (delivery.user_id, delivery.event_id) == (ann.user_id, row.id)


async def test_several_keys_and_the_same_twice_in_one_statement(ann: Caller) -> None:
    other = occurrence(ann, key="agent:2", severity="warning")
    await occur(occurrence(ann), other, occurrence(ann, minutes=1))
    by_key = {row.key: row for row in await incidents()}
    assert {key: row.count for key, row in by_key.items()} == {KEY: 2, "agent:2": 1}
    await occur(occurrence(ann, minutes=9), occurrence(ann, key="agent:2", minutes=9))
    rows = await incidents()
    assert [row.severity for row in rows] == ["critical", "critical"]
    assert await happened(rows[0].id) == ["opened", "told", "again"]


async def test_a_tick_twice_tells_once_and_the_last_wait_repeats(ann: Caller) -> None:
    root = await person("root", is_admin=True)
    await occur(occurrence(ann))
    await tick(4)
    assert await told() == [("opened", 1)]
    await asyncio.gather(tick(5), tick(5), tick(5))
    assert await told() == [("opened", 1), ("again", 2)]
    await tick(21)
    assert await told() == [("opened", 1), ("again", 2), *[("again", 3)] * 2]
    async with transaction() as tx:
        third = select(DeliveryRow.user_id).where(DeliveryRow.due_at == at(21))
        assert set(await tx.scalars(third)) == {ann.user_id, root.user_id}
    minutes = 21
    while (await incidents())[0].next_at is not None:
        minutes += 30
        await tick(minutes)
    assert (await incidents())[0].step == 1 + 3 + 10


async def test_acknowledged_it_is_told_no_more_and_the_first_one_stays(ann: Caller) -> None:
    root = await person("root", is_admin=True)
    incident = await occur(occurrence(ann))
    shown = await acknowledge(ann, incident)
    assert (shown.row.state, shown.acknowledged_by) == ("acknowledged", "ann")
    assert (await acknowledge(root, incident, 2)).acknowledged_by == "ann"
    await tick(600)
    await occur(occurrence(ann, minutes=601))
    await tick(700)
    assert await told() == [("opened", 1)]
    assert (await incidents())[0].count == 2
    assert await happened(incident.id) == ["opened", "told", "acknowledged", "again"]


async def test_what_was_not_sent_is_not_sent_once_somebody_knows(ann: Caller) -> None:
    incident = await occur(occurrence(ann))
    await acknowledge(ann, incident)
    async with transaction() as tx:
        assert list(await tx.scalars(select(DeliveryRow.status))) == ["withdrawn"]


async def test_a_silence_holds_it_and_what_comes_after_it_was_over(ann: Caller) -> None:
    incident = await occur(occurrence(ann))
    shown = await silence(ann, incident, until=60)
    assert shown.row.silenced_until == shown.row.next_at == at(60)
    await tick(20)
    assert await end(30, ABOUT) == {KEY}
    again = await occur(occurrence(ann, minutes=40))
    assert (again.is_new, again.silenced) == (True, True)
    await tick(50)
    assert await told() == [("opened", 1)]
    assert await happened(again.id) == ["opened"]
    await tick(60)
    assert await told() == [("opened", 1), ("opened", 1)]
    assert await happened(again.id) == ["opened", "told"]


async def test_a_shorter_silence_holds_it_for_shorter(ann: Caller) -> None:
    incident = await occur(occurrence(ann))
    await silence(ann, incident, until=600)
    assert (await silence(ann, incident, until=3, minutes=2)).row.next_at == at(7)
    assert (await silence(ann, incident, until=30, minutes=2)).row.next_at == at(30)


async def test_that_it_is_over_hears_who_heard_of_it(ann: Caller) -> None:
    root = await person("root", is_admin=True)
    ben = await person("ben")
    await occur(occurrence(ann, ben))
    async with transaction() as tx:
        of_ann = update(DeliveryRow).where(DeliveryRow.user_id == ann.user_id)
        await tx.execute(of_ann.values(status="sending"))
    assert await end(3, ABOUT) == {KEY}
    async with transaction() as tx:
        rows = (await tx.scalars(select(DeliveryRow).order_by(DeliveryRow.id))).all()
    told_of = {(row.user_id, row.content["said"], row.status) for row in rows}
    assert told_of == {
        (ann.user_id, "opened", "sending"),
        (ben.user_id, "opened", "withdrawn"),
        (ann.user_id, "resolved", "pending"),
    }
    assert root.user_id not in {row.user_id for row in rows}


async def test_a_silence_ends_early(ann: Caller) -> None:
    incident = await occur(occurrence(ann))
    await silence(ann, incident, until=600)
    assert (await silence(ann, incident, until=None, minutes=2)).row.next_at == at(7)
    await tick(7)
    assert await told() == [("opened", 1), ("again", 2)]
    for until in (0.5, 1 + 367 * 24 * 60):
        with pytest.raises(Invalid):
            await silence(ann, incident, until=until)


async def test_resolved_it_is_over_and_the_next_one_is_another(ann: Caller) -> None:
    ben = await person("ben")
    incident = await occur(occurrence(ann, ben))
    await send()
    await silence(ann, incident, until=600)
    await silence(ann, incident, until=None)
    shown = await resolve(ann, incident)
    assert (shown.row.state, shown.resolved_by, shown.row.next_at) == ("resolved", "ann", None)
    await resolve(ben, incident, 2)
    async with transaction() as tx:
        said = select(DeliveryRow).where(DeliveryRow.due_at == at(1))
        (delivery,) = (await tx.scalars(said)).all()
    assert (delivery.user_id, delivery.priority) == (ben.user_id, NEAR)
    assert (delivery.content["said"], delivery.content["by"]) == ("resolved", "ann")
    await tick(600)
    with pytest.raises(Conflict):
        await acknowledge(ann, incident)
    with pytest.raises(Conflict):
        await silence(ann, incident, until=700)
    again = await occur(occurrence(ann, minutes=601))
    assert (again.is_new, again.silenced) == (True, False)
    assert [row.state for row in await incidents()] == ["resolved", "open"]


async def test_resolving_ends_the_silence_of_its_key(ann: Caller) -> None:
    first = await occur(occurrence(ann))
    await silence(ann, first, until=600)
    await end(5, ABOUT)
    await resolve(ann, await occur(occurrence(ann, minutes=10)), 11)
    assert not (await occur(occurrence(ann, minutes=12))).silenced


async def test_its_source_ends_it_and_says_so_to_those_who_were_told(ann: Caller) -> None:
    await occur(occurrence(ann, lasts=True))
    await send()
    assert await end(3, {**ABOUT, "said": "ok"}) == {KEY}
    assert await end(4, {**ABOUT, "said": "ok"}) == frozenset()
    assert await told() == [("opened", 1), ("resolved", 1)]
    await occur(occurrence(ann, minutes=50, lasts=True))
    await end(51, None)
    assert len(await told()) == 3


async def test_quiet_for_long_it_is_over_by_itself_unless_it_lasts(ann: Caller) -> None:
    await occur(occurrence(ann), occurrence(ann, key="agent:2", lasts=True))
    await send()
    await occur(occurrence(ann, minutes=100))
    await tick(24 * 60 + 99)
    assert {row.state for row in await incidents()} == {"open"}
    await asyncio.gather(tick(24 * 60 + 100), tick(24 * 60 + 100))
    quiet = [row for row in await incidents() if row.state == "resolved"]
    assert [(row.key, row.resolved_by) for row in quiet] == [(KEY, None)]
    assert [one for one, _ in await told()].count("quiet") == 1


async def test_only_those_whom_it_concerns_see_it(ann: Caller) -> None:
    eve = await person("eve")
    bound = Caller(ann.user_id, "ann", "user", scopes=None, project="shop")
    incident = await occur(occurrence(ann))
    for stranger in (eve, bound):
        with pytest.raises(NotFound):
            await acknowledge(stranger, incident)


async def test_settings_say_when_it_is_told_again(
    ann: Caller, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_INCIDENTS__REPEAT_MINUTES", "[2]")
    environment.setenv("NOTILOG_INCIDENTS__REPEATS", "1")
    environment.setenv("NOTILOG_INCIDENTS__QUIET_MINUTES", "0")
    schema.load()
    await occur(occurrence(ann))
    for minutes in (2, 4, 6, 100_000):
        await tick(minutes)
    assert await told() == [("opened", 1), ("again", 2), ("again", 3)]
    assert [row.state for row in await incidents()] == ["open"]


async def test_what_was_resolved_long_ago_is_forgotten(ann: Caller) -> None:
    await resolve(ann, await occur(occurrence(ann)))
    await occur(occurrence(ann, minutes=5))
    async with transaction() as tx:
        await history.forget(tx, at(1) + timedelta(days=89))
    assert len(await incidents()) == 2
    async with transaction() as tx:
        assert not await history.forget(tx, at(1) + timedelta(days=91))
        left = set(await tx.scalars(select(IncidentHistoryRow.what)))
    assert [row.state for row in await incidents()] == ["open"]
    assert left == {"opened", "told"}


async def test_of_one_that_goes_on_the_oldest_lines_are_forgotten(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LINES", 3)
    long, short = [await occur(occurrence(ann, key=key)) for key in ("agent:1", "agent:2")]
    for minute in range(1, 6):
        await occur(occurrence(ann, key="agent:1", minutes=minute))
    await acknowledge(ann, long, 7)
    async with transaction() as tx:
        await history.forget(tx, at(8))
    assert await happened(long.id) == ["again", "again", "acknowledged"]
    assert await happened(short.id) == ["opened", "told"]
