"""People in Tokyo, at the beginning of the year that the files are of."""

from datetime import UTC, datetime

import pytest

from notilog import clock
from tests.integration.calendar_files.programs import TOKYO
from tests.integration.conftest import Person, SignIn


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The time at which all of this happens, before what the files have."""
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: at)
    return at


@pytest.fixture
async def ann(sign_in: SignIn) -> Person:
    return await sign_in("ann", timezone=TOKYO, email="ann@example.org")


@pytest.fixture
async def ben(sign_in: SignIn) -> Person:
    return await sign_in("ben", timezone=TOKYO)
