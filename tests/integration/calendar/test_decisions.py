"""What the decision of a participant does to their reminders."""

import asyncio

import pytest
from sqlalchemy import text

from notilog.calendar import participation, reminders
from notilog.calendar.shown import Event, Participation
from notilog.db.session import reading, transaction
from notilog.errors import Forbidden, NotFound
from notilog.users.caller import Caller
from tests.integration.calendar.attendees import (
    DUE,
    NOON,
    add,
    decide,
    outcome,
    seen,
    set_status,
    tick,
)

pytestmark = pytest.mark.usefixtures("database")


async def test_who_declines_is_not_reminded_and_who_returns_is(event: Event, ben: Caller) -> None:
    await tick(-25)
    await decide(event, ben, "no", seconds=-20)
    assert (await outcome(event))["ben", "withdrawn"] == 1
    await tick(-15)
    assert (await outcome(event))["ben", "withdrawn"] == 1
    await decide(event, ben, "maybe", seconds=-10)
    await tick(-5)
    assert await outcome(event) == {("ann", "pending"): 1, ("ben", "pending"): 1}


async def test_who_returns_after_the_instant_is_not_reminded_of_it(
    event: Event, ben: Caller
) -> None:
    await decide(event, ben, "no")
    await tick()
    await set_status(event, "sent")
    await decide(event, ben, "yes", seconds=60)
    await tick(61)
    assert await outcome(event) == {("ann", "sent"): 1}


async def test_a_refusal_takes_back_what_a_tick_underway_decides(event: Event, ben: Caller) -> None:
    async with transaction() as tx:
        await reminders.tick(tx, DUE)
        refusing = asyncio.create_task(decide(event, ben, "no"))
        await waits_for_a_lock(refusing)
        assert not refusing.done()
    await refusing
    assert await outcome(event) == {("ann", "pending"): 1, ("ben", "withdrawn"): 1}


async def test_a_tick_passes_by_an_event_that_is_being_changed(event: Event, ben: Caller) -> None:
    async with transaction() as tx:
        await participation.decide(tx, ben, event_id=event.id, login="ben", decision="no", now=NOON)
        await tick()
        assert await outcome(event) == {}
    await tick()
    assert await outcome(event) == {("ann", "pending"): 1}


async def waits_for_a_lock(task: asyncio.Task[None]) -> None:
    """Until the database makes the task wait, or the task is done without waiting."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(30):
        while not task.done():
            async with reading() as tx:
                if await tx.scalar(waiting):
                    return
            await asyncio.sleep(0.01)


async def test_participants_decide_for_themselves_and_administrators_for_all(
    event: Event, ann: Caller, ben: Caller
) -> None:
    admin = await add("admin", role="admin")
    with pytest.raises(Forbidden):
        await decide(event, ann, "yes", login="ben")
    with pytest.raises(NotFound):
        await decide(event, ann, "yes")
    await decide(event, admin, "yes", login="ben")
    assert (await seen(event, ben)).participants == (Participation("ben", "yes"),)
