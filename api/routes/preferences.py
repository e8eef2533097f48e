"""Preferences: how a person wishes to be told of things, and a message to see that it works."""

from fastapi import APIRouter

from api.deps import SignedIn
from api.errors import problems
from api.schemas.preferences import (
    OwnTrialAnswer,
    OwnTrialBody,
    PreferencesAnswer,
    PreferencesBody,
)
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.notifications import preferences, trials

router = APIRouter(prefix="/users/{login}/preferences", tags=["deliveries"])


@router.get("", responses=problems(404))
async def get_preferences(login: str, caller: SignedIn) -> PreferencesAnswer:
    """Your preferences; an administrator sees everybody's."""
    async with reading() as tx:
        return PreferencesAnswer.of(*await preferences.find(tx, caller, login=login))


@router.patch("", responses=problems(404))
async def change_preferences(
    login: str, changes: PreferencesBody, caller: SignedIn
) -> PreferencesAnswer:
    """Change the fields that are given; what waits to be sent follows at once."""
    async with transaction() as tx:
        changed = await preferences.change(tx, caller, login=login, changes=changes)
    return PreferencesAnswer.of(*changed)


@router.post("/test", status_code=202, responses=problems(404, 429))
async def test_preferences(login: str, trial: OwnTrialBody, caller: SignedIn) -> OwnTrialAnswer:
    """Send a test message to the person's own address, the way that reminders go."""
    async with transaction() as tx:
        delivery_id = await trials.ask(
            tx, caller, login=login, channel=trial.channel, now=clock.now()
        )
    return OwnTrialAnswer(delivery_id=delivery_id)
