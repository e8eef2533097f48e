"""``/help``, which also answers what the bot does not understand."""

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.bot.asked import Asked


async def explain(_tx: AsyncSession, asked: Asked) -> str:
    """What the bot can do; a stranger is told first how to be known."""
    known = asked.person is not None
    return asked.words.menu if known else f"{asked.words.help}\n\n{asked.words.strange}"
