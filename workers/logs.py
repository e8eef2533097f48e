"""Tasks of the logs room."""

from notilog import clock, config
from notilog.db.session import transaction
from notilog.logs import counts, handing, indexing, partitions, retention, store
from notilog.logs.alerts import watch
from notilog.logs.connectors import CONNECTORS
from notilog.logs.files import tidying
from notilog.logs.limits import LogsSettings
from workers.app import app
from workers.log_marks import send_mark


@app.task(name="logs.forget_batches")
async def forget_batches() -> None:
    limits = config.section(LogsSettings)
    now = clock.now()
    async with transaction() as tx:
        since = store.remembered_since(now, days=limits.remember_batches_days)
        await store.forget_batches(tx, since)
        kept_since = store.remembered_since(now, days=limits.keep_rejects_days)
        await store.forget_rejects(tx, kept_since)


@app.task(name="logs.make_partitions")
async def make_partitions() -> None:
    days = config.section(LogsSettings).partitions_ahead
    await partitions.make_ahead(clock.now(), days=days)


@app.task(name="logs.index")
async def index() -> None:
    await indexing.index(clock.now())


@app.task(name="logs.end_old_records")
async def end_old_records() -> None:
    await retention.enforce(clock.now())


@app.task(name="logs.merge_counts")
async def merge_counts() -> None:
    more = True
    while more:
        async with transaction() as tx:
            more = await counts.merge(tx, clock.now())


@app.task(name="logs.retry_connectors")
async def retry_connectors() -> None:
    for name in CONNECTORS:
        while await handing.retry(name, clock.now()):
            pass


@app.task(name="logs.watch_alerts")
async def watch_alerts() -> None:
    if await watch.watch(clock.now()):
        await send_mark(config.current().core.broker)


@app.task(name="logs.tidy_files")
async def tidy_files() -> None:
    if "files" in config.section(LogsSettings).connectors:
        await tidying.tidy(clock.now())
