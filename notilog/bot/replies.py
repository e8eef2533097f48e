"""What the bot sends back once the transaction that justifies it has committed."""

from dataclasses import dataclass
from typing import Protocol

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup

from notilog.notifications.channels.telegram_client import NO_PREVIEW

CHOSEN = "✅ "


class Reply(Protocol):
    """One call to Telegram."""

    async def send(self, bot: Bot) -> None:
        """Make it.

        Raises:
            TelegramError: it was not accepted.
        """
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A message in a chat."""

    chat_id: int
    text: str

    async def send(self, bot: Bot) -> None:
        await bot.send_message(self.chat_id, self.text, link_preview_options=NO_PREVIEW)


@dataclass(frozen=True, slots=True)
class Toast:
    """A line that appears for a moment over the chat in which a button was pressed."""

    query_id: str
    text: str

    async def send(self, bot: Bot) -> None:
        await bot.answer_callback_query(self.query_id, text=self.text)


@dataclass(frozen=True, slots=True)
class Keyboard:
    """Other buttons under a message of the bot."""

    chat_id: int
    message_id: int
    buttons: InlineKeyboardMarkup

    async def send(self, bot: Bot) -> None:
        await bot.edit_message_reply_markup(
            self.chat_id, self.message_id, reply_markup=self.buttons
        )


def with_choice(keyboard: InlineKeyboardMarkup, *, data: str) -> InlineKeyboardMarkup:
    """The same buttons, with a mark at the one that says ``data`` and at no other."""
    return InlineKeyboardMarkup(
        [[_marked(button, data) for button in row] for row in keyboard.inline_keyboard]
    )


def _marked(button: InlineKeyboardButton, data: str) -> InlineKeyboardButton:
    label = button.text.removeprefix(CHOSEN)
    is_chosen = button.callback_data == data
    return InlineKeyboardButton(
        f"{CHOSEN}{label}" if is_chosen else label, callback_data=button.callback_data
    )
