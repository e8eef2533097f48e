"""Tasks of the users' room."""

from notilog import clock
from notilog.db.session import transaction
from notilog.users import sessions
from workers.app import app


@app.task(name="users.forget_expired")
async def forget_expired() -> None:
    async with transaction() as tx:
        await sessions.forget_expired(tx, clock.now())
