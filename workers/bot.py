"""Tasks of the bot.

``bot.poll`` runs until its worker stops or somebody ends it, and at most once: its lease sees to
that. Nobody can wish that the bot be stopped while its token is configured, so whoever ends the
task with ``control terminate`` or ``control revoke`` restarts it: ``bot.reconcile`` wakes it again.
"""

from notilog import clock
from notilog.bot import polling
from notilog.db.session import transaction
from workers.app import app


@app.task(name="bot.poll", ends_on_revoke=True, stops_on_shutdown=True)
async def poll() -> None:
    await polling.run()


@app.task(name="bot.reconcile")
async def reconcile() -> None:
    async with transaction() as tx:
        await polling.reconcile(tx, clock.now())
