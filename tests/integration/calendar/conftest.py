"""Ann, Ben, and an event of theirs."""

import pytest

from notilog import jobs
from notilog.calendar.shown import Event
from notilog.jobs import Wakeup
from notilog.users.caller import Caller
from tests.integration.calendar.attendees import add, make


@pytest.fixture(autouse=True)
def woken() -> list[Wakeup]:
    """The wake-ups that were sent."""
    sent: list[Wakeup] = []

    async def remember(wakeup: Wakeup) -> None:
        sent.append(wakeup)

    jobs.bind(remember)
    return sent


@pytest.fixture
async def ann(database: None) -> Caller:
    return await add("ann")


@pytest.fixture
async def ben(database: None) -> Caller:
    return await add("ben")


@pytest.fixture
async def event(ann: Caller, ben: Caller) -> Event:
    """An event of Ann's that Ben is asked to."""
    return await make(ann, participants=("ben",))
