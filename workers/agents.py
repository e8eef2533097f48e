"""Tasks of the agents' room."""

from notilog import clock
from notilog.agents import history, watching
from notilog.db.session import transaction
from workers.app import app


@app.task(name="agents.watch")
async def watch() -> None:
    await watching.watch(clock.now())


@app.task(name="agents.forget")
async def forget() -> None:
    async with transaction() as tx:
        await history.forget(tx, clock.now())
