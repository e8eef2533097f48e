"""Tables of the bot."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Row


class TelegramBotRow(Row):
    """A bot, by the number that Telegram gives it, and the update that it has not handled yet."""

    __tablename__ = "telegram_bots"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    username: Mapped[str]
    next_update: Mapped[int] = mapped_column(BigInteger, server_default="0")


class TelegramChatRow(Row):
    """A private chat that proved by a code whose it is."""

    __tablename__ = "telegram_chats"

    chat_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    linked_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TelegramCodeRow(Row):
    """A code that links the chat it is sent from; told once, here stands its SHA-256."""

    __tablename__ = "telegram_codes"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
