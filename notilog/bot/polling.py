"""The bot at work: one worker at a time asks Telegram for updates, under a lease.

An update is handled in one transaction that proves the lease and moves the position on, so it acts
exactly once, whoever dies; its replies follow the commit and may be lost with a worker. There is
no wish that the bot should not run: while a token is configured, `reconcile` starts it wherever
there is room, also after an administrator has ended its task.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import SystemRandom
from typing import NoReturn

import structlog
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from telegram import Bot, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from notilog import clock, jobs
from notilog.bot import backoff
from notilog.bot.connection import connected
from notilog.bot.handling import apology, handle
from notilog.bot.replies import Reply
from notilog.bot.settings import bot_id, lease_length, token
from notilog.bot.strangers import Strangers
from notilog.bot.tables import TelegramBotRow
from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.leases import leases
from notilog.leases.keeping import keep
from notilog.leases.leases import Fenced, Lease

log = structlog.get_logger(__name__)

POLL = "bot.poll"
LONG_POLL = 25
"""Seconds that Telegram may wait for an update before it answers that there is none."""

WANTED = ("message", "callback_query")
_luck = SystemRandom().random


async def run() -> None:
    """Listen to Telegram for as long as the lease is ours; end at once when another listens."""
    number = bot_id()
    if number is not None:
        try:
            await keep(_lease_name(number), Poller(number).poll, length=lease_length())
        except Fenced as error:
            log.warning("bot_gives_way", reason=str(error))


async def reconcile(tx: AsyncSession, now: datetime) -> None:
    """Start the bot when it is configured and nobody listens; once too often does no harm."""
    number = bot_id()
    if number is not None and await leases.is_free(tx, _lease_name(number), now=now):
        jobs.wake(POLL)


def _lease_name(number: int) -> str:
    return f"telegram-bot:{number}"


@dataclass(slots=True)
class Poller:
    """One bot, and how it fares."""

    number: int
    strangers: Strangers = field(default_factory=Strangers)
    failures: int = 0

    async def poll(self, lease: Lease) -> NoReturn:
        """Handle updates for ever, whatever becomes of Telegram and the database meanwhile.

        Raises:
            Fenced: the lease is another's.
        """
        while True:
            try:
                async with connected() as bot:
                    await self._follow(bot, lease)
            except (TelegramError, Unavailable) as error:
                self.failures += 1
                seconds = pause_after(error, self.failures, luck=_luck())
                _tell(error, seconds)
            await asyncio.sleep(seconds)

    async def _follow(self, bot: Bot, lease: Lease) -> NoReturn:
        position = await self._begin(lease, bot.username)
        log.info("bot_listens", bot=bot.username, next_update=position)
        while True:
            updates = await bot.get_updates(
                offset=position, timeout=LONG_POLL, allowed_updates=WANTED
            )
            self.failures = 0
            for one in updates:
                replies = await self._handled(one, lease, position=position)
                position = one.update_id + 1
                await _send(bot, replies)

    async def _begin(self, lease: Lease, username: str) -> int:
        """Note the bot's name; returns the first update that is not handled yet."""
        row = TelegramBotRow
        made = insert(row).values(id=self.number, username=username)
        named = made.on_conflict_do_update(
            index_elements=[row.id], set_={"username": made.excluded.username}
        )
        async with transaction() as tx:
            await leases.hold(tx, lease, clock.now())
            return await tx.scalar(named.returning(row.next_update)) or 0

    async def _handled(self, one: Update, lease: Lease, *, position: int) -> list[Reply]:
        """Handle an update and note that it is; one that cannot be handled is only noted."""
        advance = partial(self._advance, lease, before=position, after=one.update_id + 1)
        try:
            async with transaction() as tx:
                now = clock.now()
                await advance(tx, now=now)
                return await handle(tx, one, strangers=self.strangers, now=now)
        except (Unavailable, Fenced):
            raise
        except Exception:
            log.exception("telegram_update_skipped", update_id=one.update_id)
        async with transaction() as tx:
            await advance(tx, now=clock.now())
        return apology(one)

    async def _advance(
        self, lease: Lease, tx: AsyncSession, *, before: int, after: int, now: datetime
    ) -> None:
        """Move the position on from where it was known to be; numbers may begin anew after a week.

        Raises:
            Fenced: somebody else has handled the update, or may.
        """
        await leases.hold(tx, lease, now)
        row = TelegramBotRow
        statement = (
            update(row)
            .where(row.id == self.number, row.next_update == before)
            .values(next_update=after)
            .returning(row.id)
            .execution_options(synchronize_session=False)
        )
        if await tx.scalar(statement) is None:
            raise Fenced("the updates were followed by somebody else")


async def _send(bot: Bot, replies: list[Reply]) -> None:
    """Each once: what was decided stands, and the person can ask again."""
    for reply in replies:
        try:
            await reply.send(bot)
        except TelegramError as error:
            log.warning("bot_reply_not_sent", reply=type(reply).__name__, reason=_reason(error))


def pause_after(error: Exception, failures: int, *, luck: float) -> float:
    """Seconds until the next try: soon after a first failure, slowly while a token is refused."""
    if isinstance(error, RetryAfter):
        asked = error.retry_after
        return min(backoff.LONGEST, asked if isinstance(asked, int) else asked.total_seconds())
    is_settled_by_hand = isinstance(error, InvalidToken)
    return backoff.LONGEST if is_settled_by_hand else backoff.pause(failures, luck=luck)


def _tell(error: Exception, seconds: float) -> None:
    pause = round(seconds, 1)
    match error:
        case InvalidToken():  # it holds the token
            log.error(
                "telegram_refuses_token",
                advice="check NOTILOG_CHANNELS__TELEGRAM__TOKEN",
                pause=pause,
            )
        case Conflict():
            log.warning(
                "telegram_polled_elsewhere",
                advice="another program asks for updates with the same token: stop it",
                pause=pause,
            )
        case _:
            log.warning("bot_waits", reason=_reason(error), pause=pause)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace(token(), "***")
