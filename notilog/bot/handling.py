"""One update of Telegram: whose it is, what it asks for, and what is said to it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from telegram import Message, Update
from telegram.constants import ChatType

from notilog.bot import buttons, linking
from notilog.bot.asked import Asked
from notilog.bot.commands import COMMANDS
from notilog.bot.replies import Reply, Text, Toast
from notilog.bot.strangers import Strangers
from notilog.bot.words import words_of

UNKNOWN = "help"


async def handle(
    tx: AsyncSession, update: Update, *, strangers: Strangers, now: datetime
) -> list[Reply]:
    """Do what an update asks for in this transaction; the replies are for after its commit."""
    if update.callback_query is not None:
        return await buttons.press(tx, update.callback_query, strangers=strangers, now=now)
    message = update.message
    # In a group everybody would read the code, and the days.
    if message is None or message.text is None or message.chat.type != ChatType.PRIVATE:
        return []
    return await _answer(tx, message, message.text, strangers=strangers, now=now)


def apology(update: Update) -> list[Reply]:
    """What is said when handling failed."""
    user = update.effective_user
    words = words_of(user.language_code if user else None)
    if update.callback_query is not None:
        return [Toast(update.callback_query.id, words.failed)]
    if update.message is not None and update.message.chat.type == ChatType.PRIVATE:
        return [Text(update.message.chat.id, words.failed)]
    return []


async def _answer(
    tx: AsyncSession, message: Message, text: str, *, strangers: Strangers, now: datetime
) -> list[Reply]:
    chat_id = message.chat.id
    person = await linking.person_of(tx, chat_id)
    user = message.from_user
    language = person.language if person else user.language_code if user else None
    name, argument = command_in(text)
    asked = Asked(chat_id, argument, person, words_of(language), now)
    answer = await COMMANDS.get(name, COMMANDS[UNKNOWN])(tx, asked)
    is_known = person is not None or await linking.person_of(tx, chat_id) is not None
    if not (is_known or strangers.may_hear(chat_id, now=now)):
        return []
    return [Text(chat_id, answer)]


def command_in(text: str) -> tuple[str, str]:
    """The name of the command in a message and what follows it: ``/mute@our_bot 2h``.

    The name is empty when the message is no command.
    """
    if not text.startswith("/"):
        return "", ""
    first, *rest = text[1:].split(maxsplit=1) or [""]
    return first.partition("@")[0].lower(), "".join(rest).strip()
