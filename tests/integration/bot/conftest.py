"""The bot beside a Bot API server, on a real database, and people who write to it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from notilog import jobs
from notilog import settings as schema
from notilog.bot import polling
from notilog.jobs import Wakeup
from notilog.users.caller import Caller
from tests.integration.bot.chats import ANN, BEN, link
from tests.integration.calendar.attendees import add
from tests.outside.telegram import TOKEN, BotApi, bot_api


@pytest.fixture(autouse=True)
def woken() -> list[Wakeup]:
    """The wake-ups that were sent."""
    sent: list[Wakeup] = []

    async def remember(wakeup: Wakeup) -> None:
        sent.append(wakeup)

    jobs.bind(remember)
    return sent


@pytest.fixture
async def telegram(environment: pytest.MonkeyPatch, database: None) -> AsyncIterator[BotApi]:
    """Telegram, and settings that lead to it."""
    async with bot_api() as made:
        environment.setenv("NOTILOG_CHANNELS__TELEGRAM__TOKEN", TOKEN)
        environment.setenv("NOTILOG_CHANNELS__TELEGRAM__BASE_URL", made.url)
        schema.load()
        yield made


@pytest.fixture
async def bot(telegram: BotApi) -> AsyncIterator["asyncio.Task[None]"]:
    """The bot at work."""
    running = asyncio.create_task(polling.run())
    yield running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def ann(telegram: BotApi) -> Caller:
    """Reads Russian in Moscow; her chat is linked."""
    ann = await add("ann", timezone="Europe/Moscow", language="ru")
    await link(ann, ANN)
    return ann


@pytest.fixture
async def ben(telegram: BotApi) -> Caller:
    """Reads English in Auckland; his chat is linked."""
    ben = await add("ben", timezone="Pacific/Auckland", language="en")
    await link(ben, BEN)
    return ben
