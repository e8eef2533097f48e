"""Tasks of the incidents' room."""

from notilog import clock
from notilog.db.session import transaction
from notilog.incidents import ending, escalating, history
from workers.app import app


@app.task(name="incidents.escalate")
async def escalate() -> None:
    """One transaction for each full batch, until no more is due; what was quiet ends first."""
    for step in (ending.end_quiet, escalating.tick):
        more = True
        while more:
            async with transaction() as tx:
                more = await step(tx, clock.now())


@app.task(name="incidents.forget")
async def forget() -> None:
    more = True
    while more:
        async with transaction() as tx:
            more = await history.forget(tx, clock.now())
