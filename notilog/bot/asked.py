"""Who asks the bot for something, where and when."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.bot.words import Words
from notilog.users.caller import Caller
from notilog.users.tables import UserRow


@dataclass(frozen=True, slots=True)
class Asked:
    """A command in a private chat: what follows it, and whose chat it is if anybody's."""

    chat_id: int
    argument: str
    person: UserRow | None
    words: Words
    now: datetime


Command = Callable[[AsyncSession, Asked], Awaitable[str]]
"""Does what is asked in the transaction given, and says the answer."""

PersonalCommand = Callable[[AsyncSession, Asked, UserRow], Awaitable[str]]


def personal(command: PersonalCommand) -> Command:
    """A command of those alone whose chat it is; others are told how to make it theirs."""

    async def asked_by(tx: AsyncSession, asked: Asked) -> str:
        if asked.person is None:
            return asked.words.strange
        return await command(tx, asked, asked.person)

    return asked_by


def caller_of(person: UserRow) -> Caller:
    """The person as somebody who asks; whoever types in a chat is no administrator there."""
    return Caller(person.id, person.login, "user", scopes=None, project=None)
