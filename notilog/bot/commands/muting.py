"""``/mute 2h`` holds what is not urgent for a while, ``/unmute`` ends that."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.bot.asked import Asked
from notilog.notifications import preferences
from notilog.users.tables import UserRow

LONGEST = timedelta(days=30)
_LENGTH = re.compile(r"([0-9]{1,5}) ?([mhdмчд])")
_UNITS = {
    **dict.fromkeys("mм", timedelta(minutes=1)),
    **dict.fromkeys("hч", timedelta(hours=1)),
    **dict.fromkeys("dд", timedelta(days=1)),
}


async def mute(tx: AsyncSession, asked: Asked, person: UserRow) -> str:
    length = length_of(asked.argument)
    if length is None:
        return asked.words.how_to_mute
    until = asked.now + length
    await preferences.mute(tx, person.id, until=until)
    local = until.astimezone(ZoneInfo(person.timezone))
    return asked.words.muted.format(until=asked.words.moment(local))


async def unmute(tx: AsyncSession, asked: Asked, person: UserRow) -> str:
    await preferences.mute(tx, person.id, until=None)
    return asked.words.unmuted


def length_of(text: str) -> timedelta | None:
    """How long ``30m``, ``2h`` or ``1d`` is; None for anything else, nothing, or over 30 days."""
    found = _LENGTH.fullmatch(text.strip().lower())
    if found is None:
        return None
    length = int(found[1]) * _UNITS[found[2]]
    return length if timedelta() < length <= LONGEST else None
