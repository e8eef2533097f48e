"""Records what a connection hears of voice channels: the listener, and the task that writes."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Final, NoReturn
from uuid import UUID

import structlog

from notilog import clock, config
from notilog.leases.leases import Lease
from notilog.observers.measures import BUFFER, EVENTS, WRITTEN
from notilog.observers.storable import storable
from notilog.observers.voice.admission import (
    admitted_channel,
    admitted_guild,
    admitted_state,
    is_snowflake,
)
from notilog.observers.voice.backlog import Backlog
from notilog.observers.voice.changes import Changes
from notilog.observers.voice.choosing import Choice
from notilog.observers.voice.events import (
    ChannelDeleted,
    ChannelSeen,
    Event,
    GuildChanged,
    GuildLeft,
    Linked,
    Outage,
    Present,
    Seen,
    Snapshot,
    Voice,
)
from notilog.observers.voice.heard import Channel, Guild, VoiceState
from notilog.observers.voice.journal import Journal
from notilog.observers.voice.ledger import Ledger
from notilog.observers.voice.settings import VoiceSettings

log = structlog.get_logger(__name__)

RENEWAL: Final = 30.0
"""Seconds after which open sessions are said to be open still."""


class Recorder:
    """A `notilog.observers.voice.heard.Listener`: what it is told waits until `run` has written it.

    It may be run again, under another lease, when a run has ended: what waits is kept unless
    somebody else has observed meanwhile.
    """

    def __init__(self, observer_id: UUID, *, choice: Choice, journal: Journal) -> None:
        settings = config.section(VoiceSettings)
        self._observer_id = observer_id
        self._choice = choice
        self._journal = journal
        self._most = settings.batch_events
        self._room = settings.queue_events
        self._backlog = Backlog(self._room)
        self._lost_before = self._lost_counted = 0
        self._is_losing = False
        self._pending: tuple[Changes, int] | None = None
        self._wake = asyncio.Event()
        self._is_connected = False
        self._fence: int | None = None
        self._ledger: Ledger | None = None

    @property
    def waiting(self) -> int:
        """Events that are not recorded yet."""
        return len(self._backlog)

    @property
    def lost(self) -> int:
        """Events that were dropped because too many waited."""
        return self._backlog.lost

    def connected(self, at: datetime) -> None:
        self._is_connected = True
        self._put(Linked(at, connected=True))

    def disconnected(self, at: datetime, *, reason: str) -> None:  # noqa: ARG002  the observer's row says why
        if self._is_connected:
            self._is_connected = False
            self._put(Linked(at, connected=False))

    def present(self, guild_ids: frozenset[int], at: datetime) -> None:
        self._put(Present(at, frozenset(filter(is_snowflake, guild_ids))))

    def guild(self, guild: Guild, at: datetime) -> None:
        self._put_of(guild.id, Snapshot(at, admitted_guild(guild)))

    def voice(self, state: VoiceState, at: datetime, *, is_late: bool = False) -> None:
        admitted = admitted_state(state)
        if admitted is not None:
            self._put(Voice(at, admitted, is_late))

    def guild_changed(
        self, guild_id: int, at: datetime, *, name: str, afk_channel_id: int | None
    ) -> None:
        afk = afk_channel_id if afk_channel_id and is_snowflake(afk_channel_id) else None
        self._put_of(guild_id, GuildChanged(at, guild_id, storable(name), afk))

    def channel(self, guild_id: int, channel: Channel, at: datetime) -> None:
        if is_snowflake(channel.id):
            self._put_of(guild_id, ChannelSeen(at, guild_id, admitted_channel(channel)))

    def channel_deleted(self, guild_id: int, channel_id: int, at: datetime) -> None:
        if is_snowflake(channel_id):
            self._put_of(guild_id, ChannelDeleted(at, guild_id, channel_id))

    def unavailable(self, guild_id: int, at: datetime) -> None:
        self._put_of(guild_id, Outage(at, guild_id))

    def left(self, guild_id: int, at: datetime) -> None:
        self._put_of(guild_id, GuildLeft(at, guild_id))

    def leave(self, at: datetime) -> None:
        """Nobody tells it anything any more."""
        if self._is_connected:
            self._put(Seen(at))
            self._is_connected = False
            self._put(Linked(at, connected=False))

    async def finish(self, *, within: float) -> None:
        """Give `run` so many seconds to write what was heard until now."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._backlog:  # noqa: ASYNC110  it ends within moments, or not at all
                    await asyncio.sleep(0.01)

    async def run(self, lease: Lease) -> NoReturn:
        """Write what is heard, until cancelled.

        Raises:
            Fenced: the lease is not ours any more.
            NotFound: the observer was deleted.
            SQLAlchemyError: the database refuses what is to be written.
        """
        before = self._kept_since(lease)
        await self._write_again(lease)
        opened = await self._journal.open_sessions(lease, self._observer_id)
        ledger = self._ledger = Ledger(self._choice, opened, before=before)
        loop = asyncio.get_running_loop()
        renewal = loop.time() + RENEWAL
        while True:
            if loop.time() >= renewal:
                renewal = loop.time() + RENEWAL
                if self._is_connected:
                    self._put(Seen(clock.now()))
            events = self._backlog.first(self._most)
            if events:
                await self._record(lease, ledger, events)
            else:
                await self._woken(renewal)

    async def _record(self, lease: Lease, ledger: Ledger, events: list[Event]) -> None:
        BUFFER.observe(len(self._backlog) / self._room)
        ledger.opted_out = self._journal.opted_out
        for event in events:
            ledger.hear(event)
        self._pending = ledger.take(), len(events)
        await self._write_pending(lease)
        now = clock.now()
        for event in events:
            WRITTEN.observe((now - event.at).total_seconds())
        self._say_what_was_lost()

    async def _write_again(self, lease: Lease) -> None:
        """What the run before was writing when it ended: nobody knows whether it is committed.

        With the ids that the rows have already that changes nothing if it was.
        """
        if self._pending is not None:
            await self._write_pending(lease)

    async def _write_pending(self, lease: Lease) -> None:
        assert self._pending is not None  # noqa: S101  callers see to it
        changes, count = self._pending
        if changes:
            await self._journal.write(lease, self._observer_id, changes)
        self._pending = None
        self._backlog.done(count)
        EVENTS.add("written", amount=count)

    async def _woken(self, until: float) -> None:
        """Wait for an event, or for an instant of the loop's clock."""
        self._wake.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _put_of(self, guild_id: int, event: Event) -> None:
        if is_snowflake(guild_id):
            self._put(event)

    def _put(self, event: Event) -> None:
        self._backlog.put(event)
        self._wake.set()
        if self._backlog.lost > self._lost_before and not self._is_losing:
            self._is_losing = True
            log.error("voice_events_dropped", observer_id=str(self._observer_id))

    def _say_what_was_lost(self) -> None:
        """Count them, and say so once for each time that too much waited, when it is over."""
        if self._backlog.lost > self._lost_counted:
            EVENTS.add("lost", amount=self._backlog.lost - self._lost_counted)
            self._lost_counted = self._backlog.lost
        if self._is_losing and not self._backlog:
            lost = self._backlog.lost - self._lost_before
            log.error("voice_events_lost", observer_id=str(self._observer_id), events=lost)
            self._is_losing, self._lost_before = False, self._backlog.lost

    def _kept_since(self, lease: Lease) -> Ledger | None:
        """The ledger of the run before, when nobody has observed since.

        Else what waits is dropped: another knows better by now.
        """
        fence, self._fence = self._fence, lease.fence
        if fence is not None and lease.fence <= fence + 1:
            return self._ledger
        if fence is not None:
            dropped = self._backlog.clear()
            self._pending = None
            log.info("voice_events_outdated", observer_id=str(self._observer_id), events=dropped)
            if self._is_connected:
                self._put(Linked(clock.now(), connected=True))
        return None
