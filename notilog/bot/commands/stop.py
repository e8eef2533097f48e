"""``/stop`` ends what ``/start`` began."""

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.bot import linking
from notilog.bot.asked import Asked
from notilog.users.tables import UserRow


async def stop(tx: AsyncSession, asked: Asked, person: UserRow) -> str:
    await linking.unlink(tx, person, chat_id=asked.chat_id)
    return asked.words.stopped
