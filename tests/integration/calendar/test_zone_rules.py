"""When the rules of a zone change, events keep their local times and their reminders follow."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from notilog.calendar import one_occurrence, zone_rules
from notilog.calendar.drafts import Changes
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.tables import OverrideRow, ReminderRow, ZoneRulesRow
from notilog.db.session import reading, transaction
from notilog.users.caller import Caller
from tests.integration.calendar.attendees import NOON, make, seen

pytestmark = pytest.mark.usefixtures("database")

HOUR = timedelta(hours=1)

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
    assert (await seen(once, ann)).start_time == once.start_time
    assert (await seen(daily, ann)).start_time == daily.start_time
    async with reading() as tx:
        (row,) = await tx.scalars(select(OverrideRow))
        assert (row.original_start, row.starts_at) == (tomorrow, tomorrow + HOUR)
        assert row.ends_at == tomorrow + 2 * HOUR
        fires = set(await tx.scalars(select(ReminderRow.next_fire_at)))
        assert fires == {once.start_time - timedelta(minutes=15)}
    assert await zone_rules.follow(NOON) == 0


async def test_the_second_of_two_equal_wall_times_stays_the_second(ann: Caller) -> None:
    second = NOON.replace(year=2027, month=10, day=31, hour=1, minute=30)
    event = await make(ann, timezone="Europe/Berlin", start_time=second)
    await zone_rules.follow(NOON)
    async with transaction() as tx:
        await tx.execute(update(ZoneRulesRow).values(digest=b"other rules"))
    assert await zone_rules.follow(NOON) == 1
    assert (await seen(event, ann)).start_time == second
