"""A tick decides, once for ever, who is told what when a reminder falls due."""

import asyncio
from collections import Counter
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select, text, update

from notilog.calendar import reminders
from notilog.calendar.drafts import Notification
from notilog.calendar.tables import ParticipantRow, ReminderRow
from notilog.config import Settings
from notilog.db.session import reading, transaction
from notilog.jobs import Wakeup
from notilog.notifications.tables import DeliveryRow
from tests.integration.calendar.attendees import NOON, QUARTER, add, deliveries, make, outcome

pytestmark = pytest.mark.usefixtures("database")


async def tick(now: datetime) -> int:
    async with transaction() as tx:
        return (await reminders.tick(tx, now)).reminders


async def plans() -> list[tuple[str, datetime | None]]:
    async with reading() as tx:
        rows = await tx.execute(select(ReminderRow.before, ReminderRow.next_fire_at))
        return [(before, at) for before, at in rows]


async def test_a_reminder_is_decided_within_the_horizon_and_due_at_its_own_instant(
    woken: list[Wakeup],
) -> None:
    event = await make(await add("ann"), description="Rooms and dates", timezone="Europe/Berlin")
    due = NOON + timedelta(minutes=45)
    assert await tick(due - timedelta(seconds=31)) == 0
    assert await deliveries(event) == []
    assert await tick(due - timedelta(seconds=30)) == 1
    (delivery,) = await deliveries(event)
    assert (delivery.due_at, delivery.attempt_at) == (due, due)
    assert (delivery.status, delivery.late, delivery.channel) == ("pending", False, "log")
    assert (delivery.before, delivery.occurrence_start) == ("15m", event.start_time)
    assert delivery.content == {
        "name": "Planning",
        "description": "Rooms and dates",
        "start": "2026-11-20T13:00:00+00:00",
        "end": "2026-11-20T14:00:00+00:00",
        "timezone": "Europe/Berlin",
        "all_day": False,
        "before": "15m",
        "organizer": "ann",
    }
    assert woken == [Wakeup("deliveries.send", ("log",))]
    assert await plans() == [("15m", None)]


async def test_a_second_tick_finds_nothing(woken: list[Wakeup]) -> None:
    event = await make(await add("ann"))
    assert await tick(NOON + timedelta(minutes=45)) == 1
    assert await tick(NOON + timedelta(minutes=46)) == 0
    assert len(await deliveries(event)) == 1


async def test_the_author_and_everybody_who_has_not_declined_are_told(
    woken: list[Wakeup],
) -> None:
    ann = await add("ann")
    decisions = {"ben": "yes", "cat": "maybe", "dan": "no", "eve": "undecided"}
    people = {login: await add(login) for login in decisions}
    event = await make(ann, participants=tuple(decisions))
    async with transaction() as tx:
        for login, decision in decisions.items():
            await tx.execute(
                update(ParticipantRow)
                .where(ParticipantRow.user_id == people[login].user_id)
                .values(decision=decision)
            )
    await tick(NOON + timedelta(minutes=45))
    told = ("ann", "ben", "cat", "eve")
    assert await outcome(event) == Counter({(login, "pending"): 1 for login in told})


async def test_every_offset_and_channel_is_a_decision_of_its_own(woken: list[Wakeup]) -> None:
    wishes = (QUARTER, Notification("15m", "email"), Notification("1h", "log"))
    event = await make(await add("ann"), notifications=wishes)
    assert await tick(NOON + timedelta(minutes=45)) == 3
    assert {(row.before, row.channel) for row in await deliveries(event)} == {
        ("15m", "log"),
        ("15m", "email"),
        ("1h", "log"),
    }
    assert {wakeup.args for wakeup in woken if wakeup.task == "deliveries.send"} == {
        ("log",),
        ("email",),
    }


async def test_what_had_passed_before_the_event_was_made_is_not_sent(
    woken: list[Wakeup],
) -> None:
    wishes = (Notification("2h", "log"), Notification("1h", "log"), Notification("0m", "log"))
    await make(await add("ann"), notifications=wishes, now=NOON)
    assert dict(await plans()) == {
        "2h": None,
        "1h": NOON,
        "0m": NOON + timedelta(hours=1),
    }


async def test_an_event_in_the_past_reminds_of_nothing(woken: list[Wakeup]) -> None:
    await make(await add("ann"), start_time=NOON - timedelta(days=1))
    assert await plans() == [("15m", None)]


async def test_what_is_due_at_once_does_not_wait_for_beat(woken: list[Wakeup]) -> None:
    await make(await add("ann"), notifications=(Notification("1h", "log"),), now=NOON)
    assert woken == [Wakeup("reminders.tick")]


async def test_after_an_outage_what_has_not_begun_is_sent_late(woken: list[Wakeup]) -> None:
    event = await make(await add("ann"))
    await tick(NOON + timedelta(minutes=59))
    (delivery,) = await deliveries(event)
    assert (delivery.status, delivery.late) == ("pending", True)
    assert delivery.due_at == NOON + timedelta(minutes=45)


async def test_after_an_outage_what_has_begun_is_recorded_as_missed(woken: list[Wakeup]) -> None:
    event = await make(await add("ann"))
    await tick(NOON + timedelta(minutes=60))
    (delivery,) = await deliveries(event)
    assert (delivery.status, delivery.late) == ("missed", True)


async def test_a_reminder_at_the_start_itself_is_not_missed(woken: list[Wakeup]) -> None:
    event = await make(await add("ann"), notifications=(Notification("0m", "log"),))
    await tick(NOON + timedelta(minutes=60, seconds=1))
    (delivery,) = await deliveries(event)
    assert (delivery.status, delivery.late) == ("pending", False)


async def test_days_keep_the_wall_clock_of_the_event_across_a_change_of_clocks(
    woken: list[Wakeup],
) -> None:
    start = datetime.fromisoformat("2027-03-28T09:00:00+02:00")
    wishes = (Notification("1d", "log"), Notification("24h", "log"))
    await make(await add("ann"), start_time=start, timezone="Europe/Berlin", notifications=wishes)
    assert dict(await plans()) == {
        "1d": datetime.fromisoformat("2027-03-27T09:00:00+01:00"),
        "24h": datetime.fromisoformat("2027-03-27T08:00:00+01:00"),
    }


async def test_an_all_day_event_reminds_before_its_midnight(woken: list[Wakeup]) -> None:
    await make(
        await add("ann", timezone="Asia/Tokyo"),
        start_time=date(2026, 12, 24),
        end_time=date(2026, 12, 26),
        all_day=True,
        notifications=(Notification("2h", "log"),),
    )
    assert await plans() == [("2h", datetime.fromisoformat("2026-12-23T22:00:00+09:00"))]


@pytest.fixture
def small_batches(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_REMINDERS__BATCH", "250")


async def test_four_ticks_at_once_decide_thousands_of_reminders_exactly_once(
    small_batches: None, settings: Settings, woken: list[Wakeup]
) -> None:
    ann, ben = await add("ann"), await add("ben")
    async with transaction() as tx:
        await tx.execute(MANY_EVENTS, {"author": ann.user_id, "due": NOON, "count": 3000})
        await tx.execute(ASK_TO_ALL, {"guest": ben.user_id})

    async def tick_to_the_end() -> int:
        total = 0
        while claimed := await tick(NOON):
            total += claimed
        return total

    claimed = await asyncio.gather(*(tick_to_the_end() for _ in range(4)))
    assert sum(claimed) == 3000
    assert sum(count > 0 for count in claimed) > 1
    async with reading() as tx:
        per_event = select(func.count(DeliveryRow.id)).group_by(DeliveryRow.event_id)
        assert Counter(await tx.scalars(per_event)) == {2: 3000}
        left = select(func.count()).where(ReminderRow.next_fire_at.is_not(None))
        assert await tx.scalar(left) == 0


MANY_EVENTS = text(
    """
    WITH made AS (
        INSERT INTO events (id, author_id, name, start_local, timezone, duration,
                            starts_at, series_end)
        SELECT uuidv7(), :author, 'Event ' || n, start AT TIME ZONE 'UTC',
               'UTC', interval '1 hour', start, start + interval '1 hour'
        FROM generate_series(1, :count) AS n,
             (SELECT CAST(:due AS timestamptz) + interval '15 minutes') AS times (start)
        RETURNING id, starts_at
    )
    INSERT INTO reminders (id, event_id, before, channel, next_occurrence_start, next_fire_at)
    SELECT uuidv7(), id, '15m', 'log', starts_at, :due FROM made
    """
)


ASK_TO_ALL = text("INSERT INTO participants (event_id, user_id) SELECT id, :guest FROM events")


async def test_a_tick_that_fails_leaves_its_reminders_due(woken: list[Wakeup]) -> None:
    event = await make(await add("ann"))
    due = NOON + timedelta(minutes=45)
    with pytest.raises(ZeroDivisionError):
        async with transaction() as tx:
            await reminders.tick(tx, due)
            raise ZeroDivisionError
    assert await deliveries(event) == []
    assert await tick(due) == 1
    assert len(await deliveries(event)) == 1
