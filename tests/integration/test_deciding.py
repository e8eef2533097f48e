"""A delivery is decided once, taken back, decided again, listed and retried."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from notilog import clock, jobs
from notilog.db.session import reading, transaction
from notilog.errors import Conflict, Invalid, NotFound
from notilog.jobs import Wakeup
from notilog.notifications import deliveries
from notilog.notifications.deliveries import Filters, Listed
from notilog.notifications.sweep import sweep
from notilog.users.caller import Caller
from tests.integration.decided import alter, decide, decision, event_of, people, rows, statuses


@pytest.fixture
async def woken(database: None) -> list[Wakeup]:
    wakeups: list[Wakeup] = []

    async def remember(wakeup: Wakeup) -> None:
        wakeups.append(wakeup)

    jobs.bind(remember)
    return wakeups


def caller(user_id: UUID, role: str = "user") -> Caller:
    return Caller(user_id, "somebody", role, None, None)


async def test_nothing_is_decided_twice(database: None) -> None:
    (ann,) = await people("ann")
    one = decision(ann)
    assert await decide(one, one) == 1
    assert sum(await asyncio.gather(*(decide(one) for _ in range(4)))) == 0
    assert await statuses() == ["pending"]


async def test_another_person_channel_offset_occurrence_or_instant_is_another_delivery(
    database: None,
) -> None:
    ann, bob = await people("ann", "bob")
    one = decision(ann)
    later = one.due_at + timedelta(days=1)
    others = [
        replace(one, user_id=bob),
        replace(one, channel="log"),
        replace(one, before="1h"),
        replace(one, occurrence_start=later),
        replace(one, due_at=later),
    ]
    assert await decide(one, *others) == 6


async def test_what_was_withdrawn_can_be_decided_again(database: None) -> None:
    ann, bob = await people("ann", "bob")
    one = decision(ann)
    await decide(one, replace(one, user_id=bob))
    async with transaction() as tx:
        assert await deliveries.withdraw(tx, event_of(one), user_id=ann) == 1
    assert await statuses() == ["withdrawn", "pending"]
    renamed = replace(one, content=one.content | {"name": "Moved"})
    assert await decide(renamed, replace(renamed, user_id=bob)) == 1
    first, second = await rows()
    assert (first.status, first.content["name"]) == ("pending", "Moved")
    assert second.content["name"] == "Planning"


async def test_withdrawing_leaves_what_was_sent_and_other_kinds_and_occurrences(
    database: None,
) -> None:
    (ann,) = await people("ann")
    one = decision(ann)
    await decide(one)
    await alter(status="sent")
    start = one.due_at + timedelta(days=1)
    later = replace(one, occurrence_start=start)
    await decide(
        later,
        replace(one, before="1d"),
        replace(one, kind="update", before=None, occurrence_start=None),
        decision(ann),
    )
    async with transaction() as tx:
        assert await deliveries.withdraw(tx, event_of(one), occurrence=start) == 1
    assert await statuses() == ["sent", "withdrawn", "pending", "pending", "pending"]
    async with transaction() as tx:
        assert await deliveries.withdraw(tx, event_of(one)) == 1
        assert await deliveries.withdraw(tx, event_of(one), kind=None) == 1
    assert await statuses() == ["sent", "withdrawn", "withdrawn", "withdrawn", "pending"]


async def listed(
    asking: Caller, *, limit: int = 10, cursor: str | None = None, **filters: Any
) -> tuple[list[Listed], str | None]:
    async with reading() as tx:
        return await deliveries.listing(
            tx,
            asking,
            filters=Filters(**filters),
            limit=limit,
            cursor=cursor,
        )


async def test_people_see_their_own_and_administrators_all(database: None) -> None:
    ann, bob = await people("ann", "bob")
    one = decision(ann)
    await decide(one, replace(one, user_id=bob), decision(bob, channel="log"))
    mine, _ = await listed(caller(ann))
    assert [item.login for item in mine] == ["ann"]
    assert (await listed(caller(ann), login="bob"))[0] == []
    everything, _ = await listed(caller(ann, "admin"))
    assert [item.login for item in everything] == ["bob", "bob", "ann"]
    admin = caller(ann, "admin")
    assert len((await listed(admin, event_id=one.event_id))[0]) == 2
    assert len((await listed(admin, login="bob", channel="log"))[0]) == 1
    assert len((await listed(admin, status="sent"))[0]) == 0


async def test_pages_have_everything_once(database: None) -> None:
    (ann,) = await people("ann")
    await decide(*(decision(ann) for _ in range(7)))
    seen: list[UUID] = []
    cursor: str | None = None
    for _ in range(3):
        page, cursor = await listed(caller(ann), limit=3, cursor=cursor)
        seen += [item.row.id for item in page]
    assert cursor is None
    assert seen == [row.id for row in reversed(await rows())]
    with pytest.raises(Invalid, match="cursor"):
        await listed(caller(ann), cursor="first")


async def test_lateness_is_told_in_milliseconds(database: None) -> None:
    (ann,) = await people("ann")
    due = clock.now()
    await decide(decision(ann, due_at=due))
    assert (await listed(caller(ann)))[0][0].late_ms is None
    await alter(sent_at=due + timedelta(seconds=1.5))
    assert (await listed(caller(ann)))[0][0].late_ms == 1500


async def test_only_a_dead_delivery_of_ones_own_is_retried(woken: list[Wakeup]) -> None:
    ann, bob = await people("ann", "bob")
    await decide(decision(ann))
    (row,) = await rows()

    async def retry(asking: Caller, delivery_id: UUID = row.id) -> None:
        async with transaction() as tx:
            await deliveries.retry(tx, delivery_id, caller=asking, now=clock.now())

    with pytest.raises(Conflict, match="pending"):
        await retry(caller(ann))
    await alter(status="dead", attempts=12, last_error="HTTP 503")
    for asking, delivery_id in ((caller(bob), row.id), (caller(ann), uuid7())):
        with pytest.raises(NotFound):
            await retry(asking, delivery_id)
    assert woken == []
    await retry(caller(ann))
    (row,) = await rows()
    assert (row.status, row.attempts, row.last_error) == ("pending", 0, "HTTP 503")
    assert woken == [Wakeup("deliveries.send", ("email",))]


async def test_the_sweep_wakes_channels_with_something_due_soon(woken: list[Wakeup]) -> None:
    (ann,) = await people("ann")
    now = clock.now()
    await decide(
        decision(ann, channel="email", due_at=now + timedelta(seconds=14)),
        decision(ann, channel="webhook", due_at=now + timedelta(seconds=16)),
        decision(ann, channel="log", status="missed"),
    )
    async with transaction() as tx:
        assert await sweep(tx, now) == ["email"]
    assert woken == [Wakeup("deliveries.send", ("email",))]
