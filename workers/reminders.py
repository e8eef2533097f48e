"""Tasks of the calendar room."""

from notilog import clock, config
from notilog.calendar import reminders
from notilog.calendar.reminders import RemindersSettings
from notilog.db.session import transaction
from workers.app import app


@app.task(name="reminders.tick")
async def tick() -> None:
    """One transaction for each full batch, until no more is due."""
    batch = claimed = config.section(RemindersSettings).batch
    while claimed == batch:
        async with transaction() as tx:
            claimed = await reminders.tick(tx, clock.now())
