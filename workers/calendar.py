"""Tasks of the calendar room."""

from notilog import clock
from notilog.calendar import reminders, zone_rules
from notilog.db.session import transaction
from workers.app import app


@app.task(name="reminders.tick")
async def tick() -> None:
    """One transaction for each full batch, until no more is due."""
    more = True
    while more:
        async with transaction() as tx:
            more = (await reminders.tick(tx, clock.now())).more


@app.task(name="calendar.follow_zone_rules")
async def follow_zone_rules() -> None:
    await zone_rules.follow(clock.now())
