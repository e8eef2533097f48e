"""When the rules of a zone change, events keep their local times and their reminders follow."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from notilog.calendar import one_occurrence, reminders, zone_rules
from notilog.calendar.drafts import Changes
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.tables import OverrideRow, ReminderRow, ZoneRulesRow
from notilog.db.session import reading, transaction
from notilog.users.caller import Caller
from tests.integration.calendar.attendees import NOON, deliveries, make, seen

pytestmark = pytest.mark.usefixtures("database")

HOUR = timedelta(hours=1)

PLAN_OVERDUE = text(
    """
    UPDATE reminders SET next_occurrence_start = :start,
                         next_fire_at = CAST(:start AS timestamptz) - interval '15 minutes'
    WHERE event_id = :event_id
    """
)

# As if the instants had been found when the clocks of the zone were an hour behind.
OLD_RULES = text(
    """
    UPDATE events SET starts_at = starts_at + interval '1 hour',
                      series_end = series_end + interval '1 hour';
    """
)
OLD_OVERRIDES = text(
    """
    UPDATE overrides SET original_start = original_start + interval '1 hour',
                         starts_at = starts_at + interval '1 hour',
                         ends_at = ends_at + interval '1 hour'
    """
)


async def test_local_times_stay_and_everything_that_hangs_on_them_follows(ann: Caller) -> None:
    once = await make(ann, timezone="Europe/Berlin")
    daily = await make(ann, timezone="Europe/Berlin", repetition=Repetition(type="daily"))
    tomorrow = daily.start_time + timedelta(days=1)
    async with transaction() as tx:
        await one_occurrence.change_occurrence(
            tx,
            ann,
            event_id=daily.id,
            original_start=tomorrow,
            changes=Changes(start_time=tomorrow + HOUR, end_time=tomorrow + 2 * HOUR),
            expected=None,
            now=NOON,
        )
    assert await zone_rules.follow(NOON) == 0
    async with transaction() as tx:
        await tx.execute(OLD_RULES)
        await tx.execute(OLD_OVERRIDES)
        await tx.execute(update(ReminderRow).values(next_fire_at=None))
        await tx.execute(update(ZoneRulesRow).values(digest=b"other rules"))
    assert await zone_rules.follow(NOON) == 2
    assert (await seen(once, ann)).version == once.version + 1
    assert (await seen(once, ann)).start_time == once.start_time
    assert (await seen(daily, ann)).start_time == daily.start_time
    async with reading() as tx:
        (row,) = await tx.scalars(select(OverrideRow))
        assert (row.original_start, row.starts_at) == (tomorrow, tomorrow + HOUR)
        assert row.ends_at == tomorrow + 2 * HOUR
        fires = set(await tx.scalars(select(ReminderRow.next_fire_at)))
        assert fires == {once.start_time - timedelta(minutes=15)}
    assert await zone_rules.follow(NOON) == 0


async def test_what_is_due_already_is_neither_lost_nor_repeated(ann: Caller) -> None:
    retried = await make(ann, timezone="Europe/Berlin")
    overdue = await make(ann, timezone="Europe/Berlin", start_time=NOON + timedelta(minutes=61))
    await zone_rules.follow(NOON)
    due = retried.start_time - timedelta(minutes=15)
    async with transaction() as tx:
        await tx.execute(
            update(ReminderRow).where(ReminderRow.event_id == overdue.id).values(next_fire_at=None)
        )
        await reminders.tick(tx, due)
        await tx.execute(PLAN_OVERDUE, {"event_id": overdue.id, "start": overdue.start_time})
        await tx.execute(update(ZoneRulesRow).values(digest=b"other rules"))
    later = due + timedelta(minutes=5)
    assert await zone_rules.follow(later) == 2
    async with transaction() as tx:
        await reminders.tick(tx, later)
    for event in (retried, overdue):
        assert [row.status for row in await deliveries(event)] == ["pending"]


async def test_the_second_of_two_equal_wall_times_stays_the_second(ann: Caller) -> None:
    second = NOON.replace(year=2027, month=10, day=31, hour=1, minute=30)
    event = await make(ann, timezone="Europe/Berlin", start_time=second)
    await zone_rules.follow(NOON)
    async with transaction() as tx:
        await tx.execute(update(ZoneRulesRow).values(digest=b"other rules"))
    assert await zone_rules.follow(NOON) == 1
    assert (await seen(event, ann)).start_time == second
