"""Tasks of the logs room."""

from notilog import clock, config
from notilog.db.session import transaction
from notilog.logs import store
from notilog.logs.alerts import watch
from notilog.logs.limits import LogsSettings
from workers.app import app


@app.task(name="logs.forget_batches")
async def forget_batches() -> None:
    days = config.section(LogsSettings).remember_batches_days
    async with transaction() as tx:
        await store.forget_batches(tx, store.remembered_since(clock.now(), days=days))


@app.task(name="logs.watch_alerts")
async def watch_alerts() -> None:
    await watch.watch(clock.now())
