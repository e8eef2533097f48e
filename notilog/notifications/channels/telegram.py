"""The channel ``telegram``: messages of a bot, with buttons to answer them.

The bot's token stands in the URL of every request; errors are worded here for that reason.
"""

import asyncio
import re
from datetime import timedelta
from typing import ClassVar, Final
from urllib.parse import urlsplit

import structlog
from pydantic import Field, SecretStr, field_validator
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from notilog.config import Section
from notilog.errors import Postponed, SendFailed
from notilog.notifications.channels.channel import Action, Markup, Message, Recipient
from notilog.notifications.channels.http_answers import MAX_RETRY_AFTER
from notilog.notifications.channels.telegram_buttons import button_data
from notilog.notifications.channels.telegram_client import NO_PREVIEW, client, request
from notilog.notifications.channels.telegram_text import fitting, plain
from notilog.notifications.limits import Limits

log = structlog.get_logger(__name__)

TOKEN = re.compile(r"\d+:[\w-]+", re.ASCII)
ERROR_LENGTH: Final = 200
# A wait for the chat's turn that is slept here; a longer one gives the delivery back until then.
PATIENCE: Final = 1.0
# Of this message to this chat; asking again would change nothing.
REFUSALS: Final = (BadRequest, Forbidden)
MALFORMED: Final = "Can't parse entities"
ROWS: Final[tuple[tuple[Action, ...], ...]] = (("yes", "maybe", "no"), ("snooze_10m", "snooze_1h"))
LABELS: Final[dict[str, dict[Action, str]]] = {
    "en": {
        "yes": "Yes",
        "maybe": "Maybe",
        "no": "No",
        "snooze_10m": "Snooze 10 min",
        "snooze_1h": "Snooze 1 h",
    },
    "ru": {
        "yes": "Да",
        "maybe": "Может быть",
        "no": "Нет",
        "snooze_10m": "Отложить на 10 мин",
        "snooze_1h": "на 1 ч",
    },
}


class Config(Section):
    """A bot of Telegram's @BotFather; without ``token`` the channel is not configured."""

    section: ClassVar[str] = "channels.telegram"

    token: SecretStr = Field(SecretStr(""), description="123456:ABC…, from @BotFather")
    base_url: str = Field(
        "https://api.telegram.org", description="where the Bot API is, without /bot"
    )
    timeout: float = Field(10.0, gt=0, le=10, description="seconds an answer may take")
    concurrency: int = Field(30, ge=1, le=200, description="requests at once")
    per_second: float = Field(
        30.0, gt=0, le=1000, description="messages a second, of all workers together"
    )
    per_chat_per_second: float = Field(
        1.0, gt=0, le=1000, description="messages a second to one chat"
    )

    @field_validator("token")
    @classmethod
    def _of_a_bot(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and TOKEN.fullmatch(token) is None:
            raise ValueError("must be a number, a colon, and letters, digits, _ or -")
        return value

    @field_validator("base_url")
    @classmethod
    def _of_a_server(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("must be a URL that starts with http:// or https://")
        return value.rstrip("/")


class TelegramChannel:
    label: ClassVar[str] = "Telegram"
    markup: ClassVar[Markup] = "telegram"
    settings: ClassVar[type[Section]] = Config

    def __init__(self, config: Config) -> None:
        self._config = config
        bot_id, _, self._secret = config.token.get_secret_value().partition(":")
        self._key = f"telegram:{bot_id}"
        self._limits = Limits()
        self._bot: Bot | None = None

    @property
    def concurrency(self) -> int:
        return self._config.concurrency

    @staticmethod
    def recipient(to: str) -> Recipient:
        return Recipient(login="test", telegram_chat_id=to)

    def missing(self) -> tuple[str, ...]:
        return () if self._secret else ("NOTILOG_CHANNELS__TELEGRAM__TOKEN",)

    async def send(self, message: Message, to: Recipient) -> None:
        chat = (to.telegram_chat_id or "").strip()
        if not chat:
            raise SendFailed(f"{to.login} has no Telegram chat", permanent=True)
        await self._turn(message, chat)
        try:
            async with asyncio.timeout(self._config.timeout):
                await self._post(message, chat)
        except RetryAfter as error:
            raise await self._throttled(error) from None
        except TelegramError as error:
            # Not "from error": it, or what caused it, may show the URL.
            raise self._failure(error) from None
        except TimeoutError:
            raise self._failure(TimedOut()) from None

    async def close(self) -> None:
        bot, self._bot = self._bot, None
        if bot is not None:
            await bot.request.shutdown()
        await self._limits.close()

    async def _turn(self, message: Message, chat: str) -> None:
        """Wait until the chat and then the bot may send one more message."""
        config, ticket = self._config, str(message.id)
        await self._wait(
            f"{self._key}:chat:{chat}", config.per_chat_per_second, ticket, patience=PATIENCE
        )
        await self._wait(self._key, config.per_second, ticket, patience=config.timeout)

    async def _wait(self, key: str, per_second: float, ticket: str, *, patience: float) -> None:
        """Ask, sleep and ask again: the ticket is used up then, and a pause may have begun."""
        while wait := await self._limits.reserve(key, per_second=per_second, ticket=ticket):
            if wait > patience:
                raise Postponed(wait)
            patience -= wait
            await asyncio.sleep(wait)

    async def _post(self, message: Message, chat: str) -> None:
        text, is_html = fitting(message)
        keyboard = _keyboard(message)
        try:
            await self._opened().send_message(
                chat,
                text,
                parse_mode=ParseMode.HTML if is_html else None,
                reply_markup=keyboard,
                link_preview_options=NO_PREVIEW,
            )
        except BadRequest as error:
            if not (is_html and str(error).startswith(MALFORMED)):
                raise
            # A reminder that looks plain is better than none.
            log.warning("telegram_markup_refused", delivery_id=str(message.id), error=str(error))
            await self._opened().send_message(
                chat, plain(message), reply_markup=keyboard, link_preview_options=NO_PREVIEW
            )

    def _opened(self) -> Bot:
        if self._bot is None:
            config = self._config
            self._bot = client(
                config.token.get_secret_value(),
                config.base_url,
                request=request(config.timeout, connections=config.concurrency),
            )
        return self._bot

    async def _throttled(self, error: RetryAfter) -> SendFailed:
        """Telegram wants a pause: every process makes it, since more requests prolong it."""
        given = error.retry_after
        asked = given.total_seconds() if isinstance(given, timedelta) else float(given)
        seconds = min(asked, MAX_RETRY_AFTER)
        await self._limits.postpone(self._key, seconds)
        return SendFailed(
            f"Telegram: too many messages, wait {seconds:g} s", throttled=True, retry_after=seconds
        )

    def _failure(self, error: TelegramError) -> SendFailed:
        if isinstance(error, ChatMigrated):
            return SendFailed(
                f"Telegram: the group has a new chat id, {error.new_chat_id}", permanent=True
            )
        if isinstance(error, InvalidToken):
            # Put right in the settings; the message itself is good.
            return SendFailed(
                "Telegram refuses the bot's token: check NOTILOG_CHANNELS__TELEGRAM__TOKEN"
            )
        if isinstance(error, TimedOut):
            return SendFailed(f"Telegram: no answer within {self._config.timeout:g} s")
        reason = str(error).replace(self._secret, "***")[:ERROR_LENGTH]
        return SendFailed(f"Telegram: {reason}", permanent=isinstance(error, REFUSALS))


def _keyboard(message: Message) -> InlineKeyboardMarkup | None:
    labels = LABELS.get(message.language, LABELS["en"])
    rows = [
        [
            InlineKeyboardButton(labels[action], callback_data=button_data(action, message.id))
            for action in row
            if action in message.actions
        ]
        for row in ROWS
    ]
    return InlineKeyboardMarkup([row for row in rows if row]) if message.actions else None
