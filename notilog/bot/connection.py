"""The bot's connection to Telegram, which survives updates that its library cannot read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from telegram import Bot, BotCommand, Update
from telegram.request import HTTPXRequest

from notilog import config
from notilog.bot.words import DEFAULT, LANGUAGES
from notilog.notifications.channels.telegram import Config
from notilog.notifications.channels.telegram_client import client, request

log = structlog.get_logger(__name__)


class UpdatesRequest(HTTPXRequest):
    """Gives an empty update in the place of each that the library cannot read.

    It reads all updates of an answer or none, so one that is odd would stop the bot for ever.
    """

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = HTTPXRequest.parse_json_payload(payload)
        result = answer.get("result")
        if isinstance(result, list):
            answer["result"] = [_readable(update) for update in result]
        return answer


def _readable(update: dict[str, Any]) -> dict[str, Any]:
    try:
        Update.de_json(update, None)
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
        log.exception("telegram_update_unreadable", update_id=update.get("update_id"))
        return {"update_id": update["update_id"]}
    return update


@asynccontextmanager
async def connected() -> AsyncIterator[Bot]:
    """The bot, known to Telegram: its name was asked for, and its menu is up to date.

    Raises:
        TelegramError: Telegram does not answer, or refuses the token.
    """
    settings = config.section(Config)
    bot = client(
        settings.token.get_secret_value(),
        settings.base_url,
        request=request(settings.timeout, connections=1),
        updates_request=request(settings.timeout, connections=1, kind=UpdatesRequest),
    )
    try:
        await bot.initialize()
        await bot.delete_webhook()
        await _show_menu(bot)
        yield bot
    finally:
        await bot.shutdown()


async def _show_menu(bot: Bot) -> None:
    for language, words in LANGUAGES.items():
        menu = [BotCommand(name, does) for name, does in words.commands.items()]
        await bot.set_my_commands(menu, language_code=None if language == DEFAULT else language)
