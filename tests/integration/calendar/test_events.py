"""Events on a real database: what a change, a cancellation or a decision does to reminders."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from notilog import jobs
from notilog.calendar import events, participation, reminders
from notilog.calendar.drafts import Changes
from notilog.calendar.events import Event, Participation
from notilog.calendar.participation import Decision
from notilog.calendar.rules import Notification
from notilog.config import Settings
from notilog.db import migrate
from notilog.db.session import reading, transaction
from notilog.errors import Forbidden, Invalid, NotFound, Stale
from notilog.jobs import Wakeup
from notilog.notifications.tables import DeliveryRow
from notilog.users.caller import Caller
from tests.integration.attendees import NOON, QUARTER, add, deliveries, make, outcome

pytestmark = pytest.mark.usefixtures("database", "woken")

DUE = NOON + timedelta(minutes=45)
"""When the usual event's reminder falls due."""


@pytest.fixture
def woken() -> list[Wakeup]:
    """The wake-ups that were sent."""
    sent: list[Wakeup] = []

    async def remember(wakeup: Wakeup) -> None:
        sent.append(wakeup)

    jobs.bind(remember)
    return sent


@pytest.fixture
async def ann() -> Caller:
    return await add("ann")


@pytest.fixture
async def ben() -> Caller:
    return await add("ben")


@pytest.fixture
async def event(ann: Caller, ben: Caller) -> Event:
    """An event of Ann's that Ben is asked to."""
    return await make(ann, participants=("ben",))


async def tick(seconds: float = 0) -> None:
    async with transaction() as tx:
        await reminders.tick(tx, DUE + timedelta(seconds=seconds))


async def change(
    event: Event,
    by: Caller,
    *,
    seconds: float = -3600,
    expected: set[int] | None = None,
    **to: object,
) -> Event:
    async with transaction() as tx:
        return await events.change(
            tx,
            by,
            event_id=event.id,
            changes=Changes(**to),  # type: ignore[arg-type]  # the tests name each field
            expected=expected,
            now=DUE + timedelta(seconds=seconds),
        )


async def decide(
    event: Event, by: Caller, decision: Decision, *, login: str = "", seconds: float = -3600
) -> None:
    async with transaction() as tx:
        await participation.decide(
            tx,
            by,
            event_id=event.id,
            login=login or by.login,
            decision=decision,
            now=DUE + timedelta(seconds=seconds),
        )


async def set_status(event: Event, status: str) -> None:
    async with transaction() as tx:
        for row in await deliveries(event):
            (await tx.get_one(DeliveryRow, row.id)).status = status
        await tx.flush()


async def seen(event: Event, by: Caller) -> Event:
    async with reading() as tx:
        return await events.get(tx, by, event_id=event.id)


async def test_the_tables_are_as_their_classes_say(database_url: str) -> None:
    await migrate.check(database_url)


async def test_an_event_is_kept_as_it_was_written_down(event: Event, ann: Caller) -> None:
    assert await seen(event, ann) == event
    assert event.author == "ann"
    assert event.timezone == "UTC"
    assert event.version == 1
    assert event.notifications == (QUARTER,)
    assert event.participants == (Participation("ben", "undecided"),)


async def test_the_zone_is_the_authors_unless_another_is_named() -> None:
    tom = await add("tom", timezone="Asia/Tokyo")
    assert (await make(tom)).timezone == "Asia/Tokyo"
    assert (await make(tom, timezone="Europe/Berlin")).timezone == "Europe/Berlin"


async def test_an_author_who_names_themselves_is_asked_once(ann: Caller, ben: Caller) -> None:
    event = await make(ann, participants=("ann", "BEN"))
    assert event.participants == (Participation("ben", "undecided"),)


async def test_unknown_and_repeated_people_are_named_by_their_place(
    ann: Caller, ben: Caller
) -> None:
    with pytest.raises(Invalid) as refused:
        await make(ann, participants=("ben", "nobody", "ben"))
    assert [error.field for error in refused.value.errors] == ["participants.1", "participants.2"]


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ([QUARTER, Notification("51d", "log")], "notifications.1.offset"),
        ([Notification("15m", "pigeon")], "notifications.0.channel"),
        ([Notification("60m", "log"), Notification("1h", "log")], "notifications.1"),
    ],
)
async def test_a_wrong_notification_is_named_by_its_place(
    ann: Caller, wishes: list[Notification], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await make(ann, notifications=tuple(wishes))
    assert [error.field for error in refused.value.errors] == [field]


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


async def test_a_stale_version_changes_nothing(event: Event, ann: Caller) -> None:
    changed = await change(event, ann, name="Review", expected={1})
    assert changed.version == 2
    with pytest.raises(Stale):
        await change(event, ann, name="Retro", expected={1})
    with pytest.raises(Stale):
        await change(event, ann, name="Retro", expected=set())
    assert await seen(event, ann) == changed


async def test_of_two_changes_at_once_of_one_version_one_is_stale(
    event: Event, ann: Caller
) -> None:
    answers = await asyncio.gather(
        *(change(event, ann, name=name, expected={1}) for name in ("Review", "Retro")),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Event", "Stale"]


async def test_a_refused_change_changes_nothing(event: Event, ann: Caller) -> None:
    with pytest.raises(Invalid):
        await change(event, ann, name="Review", participants=("nobody",))
    assert await seen(event, ann) == event


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


async def test_only_the_author_and_administrators_change_an_event(
    event: Event, ben: Caller
) -> None:
    with pytest.raises(Forbidden):
        await change(event, ben, name="Mine")
    admin = await add("admin", role="admin")
    assert (await change(event, admin, name="Ours")).author == "ann"


async def test_a_busy_event_shows_others_only_that_the_time_is_taken(
    ann: Caller, ben: Caller
) -> None:
    cat = await add("cat")
    event = await make(ann, visibility="busy", participants=("ben",), description="secret")
    assert await seen(event, ben) == event
    taken = await seen(event, cat)
    assert (taken.start_time, taken.end_time) == (event.start_time, event.end_time)
    assert (taken.name, taken.description, taken.author) == (None, None, None)
    assert (taken.notifications, taken.participants) == ((), ())
    with pytest.raises(Forbidden):
        await change(event, cat, name="Mine")


async def test_a_private_event_cannot_be_asked_for_by_others(ann: Caller, ben: Caller) -> None:
    cat, admin = await add("cat"), await add("admin", role="admin")
    event = await make(ann, visibility="private", participants=("ben",))
    assert await seen(event, ben) == event
    assert await seen(event, admin) == event
    with pytest.raises(NotFound):
        await seen(event, cat)
    with pytest.raises(NotFound):
        await change(event, cat, name="Mine")
    with pytest.raises(NotFound):
        await decide(event, cat, "yes", login="cat")


async def test_a_public_event_is_seen_by_everybody(event: Event) -> None:
    assert await seen(event, await add("cat")) == event


async def test_what_is_due_soon_after_a_change_does_not_wait_for_beat(
    event: Event, ann: Caller, settings: Settings, woken: list[Wakeup]
) -> None:
    await change(event, ann, name="Review", seconds=-10)
    assert Wakeup("reminders.tick") in woken
