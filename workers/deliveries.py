"""Tasks of the notifications room."""

from notilog import clock
from notilog.db.session import transaction
from notilog.notifications import sending, sweep
from workers.app import app


@app.task(name="deliveries.send", stops_on_shutdown=True)
async def send(channel: str) -> None:
    await sending.drain(channel)


@app.task(name="deliveries.sweep")
async def sweep_due() -> None:
    async with transaction() as tx:
        await sweep.sweep(tx, clock.now())
