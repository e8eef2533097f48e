"""Sending what is due on a channel, each delivery at its own instant, many at once.

A drain works in turns. A turn is one transaction that records what was finished and claims what
there is room for; between turns, hands take claims and send them. So a crash repeats only what
was in the hands, and the database sees a few statements for hundreds of messages.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import SystemRandom
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from notilog import clock, config
from notilog.db.session import asking, transaction
from notilog.errors import SendFailed, Unavailable
from notilog.notifications import attempts, rendering
from notilog.notifications.attempts import DeliveriesSettings, Outcome
from notilog.notifications.channels import open_channel
from notilog.notifications.channels.channel import Channel, Message
from notilog.notifications.claims import LEASE, Claim, claim, is_ours, next_due, record

log = structlog.get_logger(__name__)

# A send is cut off well before its lease ends, so that nobody else sends the same meanwhile.
SEND_LIMIT = LEASE - timedelta(seconds=5)
# Claims at hand for each message on its way: enough that hands do not wait for a turn.
CLAIMS_PER_HAND = 8
# How long a claim may wait for a hand before it is asked whether it is still meant.
FRESH = timedelta(seconds=0.5)
# Seconds in which outcomes and due instants gather for one turn.
GATHERING = 0.01
# Seconds for what is on its way when the worker stops.
GRACE = 4.0
OUTAGE_PAUSE = 1.0
# How soon an outcome is recorded again whose row was being changed.
HELD_PAUSE = timedelta(seconds=0.05)
OUTAGES = (Unavailable, SQLAlchemyError, OSError)

RENDERERS: dict[str, Callable[..., Message]] = {
    "reminder": rendering.reminder,
    "invitation": partial(rendering.tidings, kind="invitation"),
    "update": partial(rendering.tidings, kind="update"),
    "cancellation": partial(rendering.tidings, kind="cancellation"),
}

_luck = SystemRandom().random
_drains: dict[str, "Drain"] = {}


async def drain(kind: str) -> None:
    """Send everything due on a channel, wait for what falls due soon, end when nothing does.

    One drain of a channel runs in a process; asking for another makes it look again. Several
    processes share the work. When cancelled, it finishes what is on its way within seconds.

    Raises:
        NotFound: there is no such channel.
    """
    running = _drains.get(kind)
    if running is not None:
        running.look_again()
        return
    channel = open_channel(kind)
    started = _drains[kind] = Drain(kind, channel, config.section(DeliveriesSettings))
    try:
        await started.run()
    finally:
        await channel.close()


class Drain:
    """One channel being emptied by this process."""

    def __init__(self, kind: str, channel: Channel, rules: DeliveriesSettings) -> None:
        self._kind = kind
        self._channel = channel
        self._rules = rules
        self._late_after = timedelta(seconds=rules.late_after)
        self._lookahead = timedelta(seconds=rules.lookahead)
        self._capacity = channel.concurrency * CLAIMS_PER_HAND
        self._at_hand: asyncio.Queue[Claim] = asyncio.Queue()
        self._on_the_way = 0
        self._finished: list[Outcome] = []
        self._news = asyncio.Event()

    def look_again(self) -> None:
        self._news.set()

    async def run(self) -> None:
        hands = [asyncio.create_task(self._hand()) for _ in range(self._channel.concurrency)]
        try:
            await self._turns()
        finally:
            # Nothing is looked for any more: who asks from now on gets a drain of their own.
            del _drains[self._kind]
            try:
                await self._wind_up()
            finally:
                for hand in hands:
                    hand.cancel()
            await asyncio.gather(*hands, return_exceptions=True)
            await self._record_rest()

    async def _turns(self) -> None:
        while True:
            self._news.clear()
            try:
                until = await self._turn()
            except OUTAGES:
                log.warning("deliveries_wait_for_database", channel=self._kind, exc_info=True)
                await asyncio.sleep(OUTAGE_PAUSE)
                continue
            if until is None and self._is_idle():
                return
            await self._wait(until)

    async def _turn(self) -> datetime | None:
        """Record and claim; returns when the next turn is due if nothing happens before."""
        now = clock.now()
        room = self._capacity - self._at_hand.qsize()
        finished, self._finished = self._finished, []
        try:
            async with transaction() as tx:
                left = await record(tx, finished)
                found = await claim(
                    tx, self._kind, now=now, limit=room, late_after=self._late_after
                )
                due = await next_due(tx, self._kind, now=now, until=now + self._lookahead)
        except BaseException:
            # Recording the same again is harmless, losing it would send twice.
            self._finished = finished + self._finished
            raise
        for claimed in found.claims:
            self._at_hand.put_nowait(claimed)
        if left:
            self._finished = left + self._finished
            return now + HELD_PAUSE
        # With more due than there was room for, the hands' news start the next turn; but when
        # all that was found had been missed, nobody is at work to bring news.
        only_missed = found.rows > 0 and not found.claims
        return now if only_missed else due

    def _is_idle(self) -> bool:
        at_work = self._on_the_way or self._at_hand.qsize() or self._finished
        return not (at_work or self._news.is_set())

    async def _wait(self, until: datetime | None) -> None:
        """Until the instant, or until there is news; then a moment more, to gather."""
        seconds = None if until is None else (until - clock.now()).total_seconds()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass
        await asyncio.sleep(GATHERING)

    async def _wind_up(self) -> None:
        """Give back what is not on its way, and wait for what is."""
        now = clock.now()
        while not self._at_hand.empty():
            unused = self._at_hand.get_nowait()
            self._finished.append(attempts.given_back(unused.id, unused.lease_until, now=now))
        try:
            async with asyncio.timeout(GRACE):
                while self._on_the_way:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            log.warning("deliveries_cut_off", channel=self._kind, on_the_way=self._on_the_way)

    async def _record_rest(self) -> None:
        if not self._finished:
            return
        try:
            async with asyncio.timeout(GRACE):
                while self._finished:
                    async with transaction() as tx:
                        self._finished = await record(tx, self._finished)
                    if self._finished:
                        await asyncio.sleep(HELD_PAUSE.total_seconds())
        except OUTAGES:
            log.warning("deliveries_not_recorded", rows=len(self._finished), exc_info=True)

    async def _hand(self) -> None:
        while True:
            claimed = await self._at_hand.get()
            self._on_the_way += 1
            try:
                outcome = await self._attempt(claimed)
                self._finished.append(outcome)  # a turn may have replaced the list meanwhile
            finally:
                self._on_the_way -= 1
                self._news.set()

    async def _attempt(self, claimed: Claim) -> Outcome:
        is_meant = await self._is_still_meant(claimed)
        if not is_meant or clock.now() + SEND_LIMIT > claimed.lease_until:
            return attempts.given_back(claimed.id, claimed.lease_until, now=clock.now())
        try:
            async with asyncio.timeout(SEND_LIMIT.total_seconds()):
                await self._send(claimed)
        except SendFailed as error:
            failure = error
        except TimeoutError:
            failure = _too_slow()
        except Exception as error:
            log.exception("delivery_failed", channel=self._kind, delivery_id=str(claimed.id))
            failure = SendFailed(f"an error of NotiLog: {type(error).__name__}")
        else:
            return attempts.sent(claimed.id, claimed.lease_until, now=clock.now())
        return self._failed(claimed, failure)

    async def _is_still_meant(self, claimed: Claim) -> bool:
        """Whether it was not withdrawn while it waited; a claim just made needs no question."""
        if clock.now() - claimed.claimed_at < FRESH:
            return True
        try:
            async with asking(primary=True) as tx:
                return await is_ours(tx, claimed)
        except OUTAGES:
            return True  # the claim holds, and a reminder that comes too late is of no use

    def _failed(self, claimed: Claim, failure: SendFailed) -> Outcome:
        outcome = attempts.failed(
            claimed.id,
            claimed.lease_until,
            failure=failure,
            attempts=claimed.attempts,
            now=clock.now(),
            luck=_luck(),
            rules=self._rules,
        )
        log.info(
            "delivery_not_sent",
            channel=self._kind,
            delivery_id=str(claimed.id),
            status=outcome.status,
            attempts=claimed.attempts,
            error=outcome.error,
        )
        return outcome

    async def _send(self, claimed: Claim) -> None:
        _refuse_unconfigured(self._kind, self._channel)
        if claimed.attempts > self._rules.max_attempts:
            raise SendFailed("workers ended while sending it, every time", permanent=True)
        message = RENDERERS[claimed.kind](
            claimed.id,
            claimed.content,
            due_at=claimed.due_at,
            late=claimed.late,
            language=claimed.language,
            timezone=claimed.timezone,
        )
        await self._channel.send(message, claimed.to)


async def try_out(kind: str, to: str, *, language: str) -> UUID:
    """Send a test message at once; returns its id.

    Raises:
        NotFound: there is no such channel.
        SendFailed: the message was not accepted, or the channel is not configured.
    """
    channel = open_channel(kind)
    try:
        _refuse_unconfigured(kind, channel)
        message = rendering.trial(uuid7(), at=clock.now(), language=language)
        async with asyncio.timeout(SEND_LIMIT.total_seconds()):
            await channel.send(message, channel.recipient(to))
    except TimeoutError as error:
        raise _too_slow() from error
    finally:
        await channel.close()
    return message.id


def _refuse_unconfigured(kind: str, channel: Channel) -> None:
    if missing := channel.missing():
        raise SendFailed(
            f"the channel {kind} is not configured: set {' and '.join(missing)}", permanent=True
        )


def _too_slow() -> SendFailed:
    return SendFailed(f"not accepted within {SEND_LIMIT.total_seconds():g} s")
