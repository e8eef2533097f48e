"""Sending what is due on a channel, each delivery at its own instant, many at once.

A drain works in turns. A turn is one transaction that records what was finished and claims what
there is room for; between turns, hands take parcels and send them. So a crash repeats only what
was in the hands, and the database sees a few statements for hundreds of messages. A receiver that
accepts nothing opens the breaker: the drain then claims nothing but a probe now and then.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from time import perf_counter

import structlog
from sqlalchemy.exc import SQLAlchemyError

from notilog import clock, config
from notilog.db.session import asking, transaction
from notilog.errors import Postponed, SendFailed, Unavailable
from notilog.notifications import attempts, measures
from notilog.notifications.attempts import DeliveriesSettings, Outcome
from notilog.notifications.breaker import Breaker
from notilog.notifications.channels import open_channel
from notilog.notifications.channels.channel import Channel
from notilog.notifications.claims import Claim, Parcel, claim, next_due, ours, record
from notilog.notifications.messages import SEND_LIMIT, hand_over, message_of

log = structlog.get_logger(__name__)

# Claims at hand for each message on its way: enough that hands do not wait for a turn, and few
# enough that no claim waits until it must be asked about again.
CLAIMS_PER_HAND = 4
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
        self._at_hand: asyncio.Queue[Parcel] = asyncio.Queue()
        self._on_the_way = 0
        self._finished: list[Outcome] = []
        self._news = asyncio.Event()
        self._breaker = Breaker(rules.breaker_failures)

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
        room = self._breaker.room(now, max(0, self._capacity - self._at_hand.qsize()))
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
        if found.missed:
            measures.OUTCOMES.add(self._kind, "missed", amount=found.missed)
        for parcel in found.parcels:
            self._breaker.probes()
            self._at_hand.put_nowait(parcel)
        if left:
            self._finished = left + self._finished
            return now + HELD_PAUSE
        if self._breaker.until is not None and not self._breaker.probing:
            return max(now, self._breaker.until) if room == 0 else due
        # With more due than there was room for, the hands' news start the next turn; but when
        # all that was found had been missed, nobody is at work to bring news.
        only_missed = found.missed > 0 and not found.parcels
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

    def _give_back_what_waits(self) -> None:
        while not self._at_hand.empty():
            self._finished += _given_back(self._at_hand.get_nowait().claims, at=clock.now())

    async def _wind_up(self) -> None:
        """Give back what is not on its way, and wait for what is."""
        self._give_back_what_waits()
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
            parcel = await self._at_hand.get()
            self._on_the_way += 1
            try:
                outcomes = await self._attempt(parcel)
            except Exception:
                log.exception("parcel_failed", channel=self._kind, delivery_id=str(parcel.id))
                self._breaker.given_back()  # its lease ends, and it is tried again
            else:
                self._finished += outcomes  # a turn may have replaced the list meanwhile
            finally:
                self._on_the_way -= 1
                self._news.set()

    async def _attempt(self, parcel: Parcel) -> list[Outcome]:
        meant, withdrawn = await self._still_meant(parcel)
        if meant is None or clock.now() + SEND_LIMIT > parcel.first.lease_until:
            self._breaker.given_back()
            return _given_back(parcel.claims, at=clock.now())
        return await self._sent(meant) + _given_back(withdrawn, at=clock.now())

    async def _still_meant(self, parcel: Parcel) -> tuple[Parcel | None, Sequence[Claim]]:
        """What of it was not withdrawn while it waited; a claim just made needs no question."""
        if clock.now() - parcel.first.claimed_at < FRESH:
            return parcel, ()
        try:
            async with asking(primary=True) as tx:
                still = await ours(tx, parcel)
        except OUTAGES:
            return parcel, ()  # the claim holds, and a reminder that comes too late is of no use
        meant = tuple(claimed for claimed in parcel.claims if claimed.id in still)
        gone = [claimed for claimed in parcel.claims if claimed.id not in still]
        return Parcel(meant) if meant else None, gone

    async def _sent(self, parcel: Parcel) -> list[Outcome]:
        started = perf_counter()
        try:
            await self._send(parcel)
        except Postponed as error:
            self._breaker.given_back()
            again = clock.now() + timedelta(seconds=error.seconds)
            return _given_back(parcel.claims, at=again, error=str(error))
        except SendFailed as error:
            failure = error
            self._tell_breaker(failure)
        except Exception as error:
            log.exception("delivery_failed", channel=self._kind, delivery_id=str(parcel.id))
            self._breaker.given_back()  # it says nothing about the receiver
            failure = SendFailed(f"an error of NotiLog: {type(error).__name__}")
        else:
            return self._succeeded(parcel, seconds=perf_counter() - started)
        return self._failed(parcel, failure, seconds=perf_counter() - started)

    def _succeeded(self, parcel: Parcel, *, seconds: float) -> list[Outcome]:
        self._breaker.answered()
        now = clock.now()
        for claimed in parcel.claims:
            late = (now - claimed.wanted_at).total_seconds()
            measures.attempted(self._kind, outcome="sent", seconds=seconds, late=late)
        return [
            attempts.sent(claimed.id, claimed.lease_until, now=now) for claimed in parcel.claims
        ]

    def _failed(self, parcel: Parcel, failure: SendFailed, *, seconds: float) -> list[Outcome]:
        """What follows for each delivery: the same for all, so that they stay together."""
        now, luck = clock.now(), _luck()
        outcomes = [
            attempts.failed(
                claimed.id,
                claimed.lease_until,
                failure=failure,
                attempts=parcel.attempts,
                wanted_at=claimed.wanted_at,
                now=now,
                luck=luck,
                rules=self._rules,
            )
            for claimed in parcel.claims
        ]
        status = outcomes[0].status
        log.info(
            "delivery_not_sent",
            channel=self._kind,
            delivery_id=str(parcel.id),
            deliveries=len(outcomes),
            status=status,
            attempts=parcel.attempts,
            error=outcomes[0].error,
        )
        told = "throttled" if failure.throttled else "retried" if status == "pending" else status
        for _ in outcomes:
            measures.attempted(self._kind, outcome=told, seconds=seconds)
        return outcomes

    def _tell_breaker(self, failure: SendFailed) -> None:
        if failure.permanent:
            self._breaker.answered()
        elif failure.personal:
            self._breaker.given_back()  # others may be reached as well as ever
        elif self._breaker.failed(clock.now(), retry_after=failure.retry_after):
            log.warning("channel_pauses", channel=self._kind, until=str(self._breaker.until))
            self._give_back_what_waits()

    async def _send(self, parcel: Parcel) -> None:
        if parcel.attempts > self._rules.max_attempts:
            raise SendFailed("workers ended while sending it, every time", permanent=True)
        message = message_of(parcel, self._channel, kind=self._kind)
        await hand_over(message, parcel.first.to, self._channel, kind=self._kind)


def _given_back(
    claims: Iterable[Claim], *, at: datetime, error: str | None = None
) -> list[Outcome]:
    return [
        attempts.given_back(claimed.id, claimed.lease_until, at=at, error=error)
        for claimed in claims
    ]
