"""Chats with the bot, and what the database knows of them."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from notilog import clock
from notilog.bot import linking
from notilog.bot.linking import Offer
from notilog.bot.tables import TelegramBotRow
from notilog.db.session import transaction
from notilog.notifications.tables import PreferencesRow
from notilog.users.caller import Caller
from notilog.users.tables import UserRow
from tests.outside.telegram import BotApi

ANN, BEN, STRANGER = 111, 222, 333
PATIENCE = 15.0


async def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.01)


def told(telegram: BotApi, chat_id: int) -> list[str]:
    """What the bot wrote in a chat."""
    return [sent.text for sent in telegram.sent if sent.chat_id == chat_id]


async def say(telegram: BotApi, chat_id: int, words: str) -> str:
    """The bot's answer."""
    before = len(told(telegram, chat_id))
    telegram.say(chat_id, words)
    await until(lambda: len(told(telegram, chat_id)) > before, f"an answer to {words!r}")
    return told(telegram, chat_id)[-1]


async def press(telegram: BotApi, chat_id: int, data: str) -> str:
    """The toast that answers a button."""
    before = len(telegram.answered)
    telegram.press(chat_id, data)
    await until(lambda: len(telegram.answered) > before, f"an answer to {data!r}")
    return str(telegram.answered[-1]["text"])


async def quiet(telegram: BotApi) -> None:
    """Wait until the bot has handled everything and asks for more."""
    await until(lambda: not telegram.updates.waiting, "the end of the updates")


async def offered(caller: Caller, *, now: datetime | None = None) -> Offer:
    async with transaction() as tx:
        return await linking.offer(tx, caller, now=now or clock.now())


async def link(caller: Caller, chat_id: int) -> None:
    code = (await offered(caller)).code
    async with transaction() as tx:
        assert await linking.link(tx, code, chat_id=chat_id, now=clock.now())


async def user(caller: Caller) -> UserRow:
    async with transaction() as tx:
        return await tx.get_one(UserRow, caller.user_id)


async def muted_until(caller: Caller) -> datetime | None:
    async with transaction() as tx:
        row = await tx.get(PreferencesRow, caller.user_id)
        return row.muted_until if row else None


async def position() -> int:
    """The first update that is not handled yet."""
    async with transaction() as tx:
        return await tx.scalar(select(TelegramBotRow.next_update)) or 0


async def execute(statement: str, **values: Any) -> None:
    async with transaction() as tx:
        await tx.execute(text(statement), values)
