"""Whose chat it is: codes prove it once, and what a chat is told or may do follows from it."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.bot.settings import bot_id
from notilog.bot.tables import TelegramBotRow, TelegramChatRow, TelegramCodeRow
from notilog.errors import Conflict, Forbidden
from notilog.users.caller import Caller
from notilog.users.credentials import digest
from notilog.users.tables import UserRow

CODE_BYTES = 16
CODE_LIFE = timedelta(minutes=15)
MOST_CODE_LENGTH = 64
"""Of what may follow ``?start=`` in a link."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A code that links the chat it is sent from, told once; no name while the bot never ran."""

    code: str
    expires_at: datetime
    username: str | None


async def offer(tx: AsyncSession, by: Caller, *, now: datetime) -> Offer:
    """Make a code for the caller, instead of one that they did not use.

    Raises:
        Forbidden: a program asks; whoever found a token shall not read along.
        Conflict: the channel telegram is not configured.
    """
    if not by.in_person:
        raise Forbidden("a chat is linked by signing in, not with a token")
    bot = bot_id()
    if bot is None:
        raise Conflict("the channel telegram is not configured")
    code, expires_at = secrets.token_urlsafe(CODE_BYTES), now + CODE_LIFE
    await tx.execute(delete(TelegramCodeRow).where(TelegramCodeRow.expires_at <= now))
    made = insert(TelegramCodeRow).values(
        code_hash=digest(code), user_id=by.user_id, expires_at=expires_at
    )
    newer = {name: made.excluded[name] for name in ("code_hash", "expires_at")}
    await tx.execute(
        made.on_conflict_do_update(index_elements=[TelegramCodeRow.user_id], set_=newer)
    )
    username = await tx.scalar(select(TelegramBotRow.username).where(TelegramBotRow.id == bot))
    return Offer(code, expires_at, username)


async def person_of(tx: AsyncSession, chat_id: int) -> UserRow | None:
    """Who has proved that the chat is theirs, and is still told things there."""
    chat = str(chat_id)
    statement = (
        select(UserRow)
        .join(TelegramChatRow, TelegramChatRow.user_id == UserRow.id)
        .where(TelegramChatRow.chat_id == chat, UserRow.telegram_chat_id == chat)
    )
    return await tx.scalar(statement)


async def link(tx: AsyncSession, code: str, *, chat_id: int, now: datetime) -> UserRow | None:
    """Make the chat that of the person whose code this is, and of nobody else.

    None when the code was never given out, was used, was replaced by another or has expired.
    """
    if len(code) > MOST_CODE_LENGTH:
        return None
    used = (
        delete(TelegramCodeRow)
        .where(TelegramCodeRow.code_hash == digest(code), TelegramCodeRow.expires_at > now)
        .returning(TelegramCodeRow.user_id)
    )
    user_id = await tx.scalar(used)
    if user_id is None:
        return None
    chat, row = str(chat_id), TelegramChatRow
    before = await tx.scalar(select(row.user_id).where(row.chat_id == chat))
    if before not in {None, user_id}:
        await _forget_address(tx, chat, of=before)
    await tx.execute(delete(row).where(or_(row.chat_id == chat, row.user_id == user_id)))
    await tx.execute(insert(row).values(chat_id=chat, user_id=user_id, linked_at=now))
    user = await tx.get_one(UserRow, user_id, with_for_update=True, populate_existing=True)
    user.telegram_chat_id = chat
    await tx.flush()
    return user


async def unlink(tx: AsyncSession, person: UserRow, *, chat_id: int) -> None:
    """Tell this person nothing more in this chat, and do nothing for it."""
    row, chat = TelegramChatRow, str(chat_id)
    await tx.execute(delete(row).where(row.chat_id == chat, row.user_id == person.id))
    await _forget_address(tx, chat, of=person.id)


async def _forget_address(tx: AsyncSession, chat: str, *, of: object) -> None:
    await tx.execute(
        update(UserRow)
        .where(UserRow.id == of, UserRow.telegram_chat_id == chat)
        .values(telegram_chat_id=None)
        .execution_options(synchronize_session=False)
    )
