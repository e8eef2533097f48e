"""Tasks of the logs room."""

from notilog import clock, config
from notilog.db.session import transaction
from notilog.logs import store
from notilog.logs.files import tidying
from notilog.logs.limits import LogsSettings
from workers.app import app


@app.task(name="logs.forget_batches")
async def forget_batches() -> None:
    days = config.section(LogsSettings).remember_batches_days
    async with transaction() as tx:
        await store.forget_batches(tx, store.remembered_since(clock.now(), days=days))


@app.task(name="logs.tidy_files")
async def tidy_files() -> None:
    if "files" in config.section(LogsSettings).connectors:
        await tidying.tidy(clock.now())
