"""``/start <code>`` makes the chat that of the person who was given the code."""

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.bot import linking
from notilog.bot.asked import Asked
from notilog.bot.words import words_of


async def start(tx: AsyncSession, asked: Asked) -> str:
    """Link the chat; without a code say how."""
    if not asked.argument:
        return asked.words.strange if asked.person is None else asked.words.menu
    person = await linking.link(tx, asked.argument, chat_id=asked.chat_id, now=asked.now)
    if person is None:
        return asked.words.bad_code
    words = words_of(person.language)
    return f"{words.linked.format(login=person.login)}\n\n{words.menu}"
