"""What a change of an event does to its reminders: nothing is lost and nothing repeated."""

from collections import Counter
from datetime import timedelta

import pytest

from notilog.calendar import events
from notilog.calendar.drafts import Notification
from notilog.calendar.shown import Event, Participation
from notilog.db.session import transaction
from notilog.errors import NotFound
from notilog.jobs import Wakeup
from notilog.users.caller import Caller
from tests.integration.calendar.attendees import (
    DUE,
    add,
    change,
    decide,
    deliveries,
    outcome,
    seen,
    set_status,
    tick,
)

pytestmark = pytest.mark.usefixtures("database")


async def test_a_moved_event_is_announced_again_at_its_new_time(event: Event, ann: Caller) -> None:
    await tick()
    later = event.start_time + timedelta(hours=2)
    await change(event, ann, start_time=later, end_time=later + timedelta(hours=1), seconds=-10)
    assert await outcome(event) == {("ann", "withdrawn"): 1, ("ben", "withdrawn"): 1}
    await tick(7200)
    due = {row.due_at for row in await deliveries(event) if row.status == "pending"}
    assert due == {DUE + timedelta(hours=2)}
    assert (await outcome(event))["ben", "pending"] == 1


async def test_a_moved_event_is_announced_again_to_those_who_were_told_already(
    event: Event, ann: Caller
) -> None:
    await tick()
    await set_status(event, "sent")
    later = event.start_time + timedelta(hours=2)
    await change(event, ann, start_time=later, end_time=later)
    await tick(7200)
    assert (await outcome(event))["ann", "sent"] == 1
    assert (await outcome(event))["ann", "pending"] == 1


async def test_participants_are_asked_again_when_the_time_moves_and_only_then(
    event: Event, ann: Caller, ben: Caller
) -> None:
    await decide(event, ben, "yes")
    renamed = await change(event, ann, name="Review")
    assert renamed.participants == (Participation("ben", "yes"),)
    moved = await change(event, ann, end_time=event.end_time + timedelta(hours=1))
    assert moved.participants == (Participation("ben", "undecided"),)


async def test_a_new_name_is_what_the_unsent_reminder_says(event: Event, ann: Caller) -> None:
    await tick(-20)
    await change(event, ann, name="Review", seconds=-10)
    await tick()
    assert await outcome(event) == {("ann", "pending"): 1, ("ben", "pending"): 1}
    for row in await deliveries(event):
        assert row.content["name"] == "Review"
        assert row.due_at == DUE


async def test_a_change_does_not_lose_what_is_due_and_not_sent_yet(
    event: Event, ann: Caller
) -> None:
    await tick()
    await change(event, ann, name="Review", seconds=1)
    await tick(2)
    assert await outcome(event) == {("ann", "pending"): 1, ("ben", "pending"): 1}


async def test_a_change_does_not_lose_what_no_tick_has_claimed_yet(
    event: Event, ann: Caller
) -> None:
    await change(event, ann, name="Review", seconds=60)
    await tick(61)
    assert await outcome(event) == {("ann", "pending"): 1, ("ben", "pending"): 1}


async def test_a_change_does_not_repeat_what_was_sent(event: Event, ann: Caller) -> None:
    await tick()
    await set_status(event, "sent")
    await change(event, ann, name="Review", seconds=1)
    await change(event, ann, visibility="busy", seconds=2)
    await tick(3)
    assert await outcome(event) == {("ann", "sent"): 1, ("ben", "sent"): 1}


async def test_what_is_on_its_way_stays_meant_unless_the_time_moves(
    event: Event, ann: Caller
) -> None:
    await tick()
    await set_status(event, "sending")
    await change(event, ann, name="Review", seconds=1)
    await tick(2)
    assert await outcome(event) == {("ann", "sending"): 1, ("ben", "sending"): 1}
    later = event.start_time + timedelta(hours=2)
    await change(event, ann, start_time=later, end_time=later, seconds=3)
    assert await outcome(event) == {("ann", "withdrawn"): 1, ("ben", "withdrawn"): 1}


async def test_who_is_asked_later_is_told_what_is_still_to_come(event: Event, ann: Caller) -> None:
    await add("cat")
    await tick(-20)
    await change(event, ann, participants=("cat",), seconds=-10)
    await tick()
    assert await outcome(event) == {
        ("ann", "pending"): 1,
        ("ben", "withdrawn"): 1,
        ("cat", "pending"): 1,
    }


async def test_rules_are_replaced_and_those_that_stay_are_kept(event: Event, ann: Caller) -> None:
    await tick(-20)
    wishes = (Notification("5m", "log"), Notification("15m", "email"))
    changed = await change(event, ann, notifications=wishes, seconds=-10)
    assert Counter(changed.notifications) == Counter(wishes)
    await tick(600)
    states = Counter((row.before, row.channel, row.status) for row in await deliveries(event))
    assert states == {
        ("15m", "log", "withdrawn"): 2,
        ("15m", "email", "pending"): 2,
        ("5m", "log", "pending"): 2,
    }


async def test_a_cancelled_event_is_gone_and_silent(event: Event, ann: Caller) -> None:
    await tick(-20)
    async with transaction() as tx:
        await events.cancel(tx, ann, event_id=event.id, expected=None, now=DUE)
    await tick()
    assert await outcome(event) == {("ann", "withdrawn"): 1, ("ben", "withdrawn"): 1}
    with pytest.raises(NotFound):
        await seen(event, ann)
    with pytest.raises(NotFound):
        await change(event, ann, name="Review")


async def test_what_is_due_soon_after_a_change_does_not_wait_for_beat(
    event: Event, ann: Caller, woken: list[Wakeup]
) -> None:
    await change(event, ann, name="Review", seconds=-10)
    assert Wakeup("reminders.tick") in woken
