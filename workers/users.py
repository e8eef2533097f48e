"""Tasks of the users' room."""

from uuid import UUID

from notilog import clock
from notilog.db.session import transaction
from notilog.notifications import preferences
from notilog.users import sessions
from workers.app import app


@app.task(name="users.forget_expired")
async def forget_expired() -> None:
    async with transaction() as tx:
        await sessions.forget_expired(tx, clock.now())


@app.task(name="users.moved")
async def moved(user_id: str) -> None:
    """Quiet hours are now on the clocks of another zone."""
    async with transaction() as tx:
        await preferences.hold_anew(tx, UUID(user_id))
