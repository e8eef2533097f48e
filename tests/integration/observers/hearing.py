"""A listener that remembers what it was told, and connections for tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from notilog.observers.discord.connection import Connection
from notilog.observers.discord.pace import Pace
from notilog.observers.voice.heard import Channel, Guild, VoiceState
from tests.integration.waiting import until
from tests.outside.discord import Discord
from tests.outside.discord_bots import Bot

QUICK = Pace(first=0.01, longest=0.05, stable=0.0)
"""Every connection that was made counts as one that lasted."""

HASTY = Pace(first=0.01, longest=0.05, most=4)


@dataclass(eq=False)
class Told:
    """Everything that was told, in order: ``(what, ...)``."""

    all: list[tuple[Any, ...]] = field(default_factory=list)
    late: list[VoiceState] = field(default_factory=list)
    member_of: frozenset[int] = frozenset()

    def connected(self, at: datetime) -> None:
        self._note("connected", at)

    def disconnected(self, at: datetime, *, reason: str) -> None:
        self._note("disconnected", at, reason)

    def present(self, guild_ids: frozenset[int], at: datetime) -> None:
        assert at.tzinfo is not None
        self.member_of = guild_ids

    def guild(self, guild: Guild, at: datetime) -> None:
        self._note("guild", at, guild)

    def voice(self, state: VoiceState, at: datetime, *, is_late: bool = False) -> None:
        self._note("voice", at, state)
        if is_late:
            self.late.append(state)

    def guild_changed(
        self, guild_id: int, at: datetime, *, name: str, afk_channel_id: int | None
    ) -> None:
        self._note("guild_changed", at, guild_id, name, afk_channel_id)

    def channel(self, guild_id: int, channel: Channel, at: datetime) -> None:
        self._note("channel", at, guild_id, channel)

    def channel_deleted(self, guild_id: int, channel_id: int, at: datetime) -> None:
        self._note("channel_deleted", at, guild_id, channel_id)

    def unavailable(self, guild_id: int, at: datetime) -> None:
        self._note("unavailable", at, guild_id)

    def left(self, guild_id: int, at: datetime) -> None:
        self._note("left", at, guild_id)

    def _note(self, what: str, at: datetime, *rest: Any) -> None:
        assert at.tzinfo is not None
        self.all.append((what, *rest))

    @property
    def kinds(self) -> list[str]:
        return [one[0] for one in self.all]

    @property
    def states(self) -> list[VoiceState]:
        return [one[1] for one in self.all if one[0] == "voice"]

    @property
    def guilds(self) -> list[Guild]:
        return [one[1] for one in self.all if one[0] == "guild"]

    @property
    def reasons(self) -> list[str]:
        return [one[1] for one in self.all if one[0] == "disconnected"]

    def count(self, what: str) -> int:
        return self.kinds.count(what)

    async def heard(self, what: str, times: int = 1) -> None:
        """Wait until it was told so many times in all."""
        await so(lambda: self.count(what) >= times)


async def so(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""

    async def is_so() -> bool:
        return condition()

    await until(is_so)


async def at_once(_key: str, _max_concurrency: int) -> None:
    """A turn that is always ours."""


def connection_to(
    server: Discord, bot: Bot, *, pace: Pace = QUICK, silence: float = 60.0
) -> Connection:
    return Connection(
        bot.token,
        token_key="a key",
        identify_turn=at_once,
        allow_private=True,
        api_base=server.api_base,
        pace=pace,
        silence=silence,
    )


async def connected_to(server: Discord, bot: Bot) -> tuple[Told, "asyncio.Task[NoReturn]"]:
    """What a connection tells that is there, and its run."""
    told, made = Told(), connection_to(server, bot)
    made.admit(told)
    running = asyncio.create_task(made.run())
    await told.heard("connected")
    return told, running


@asynccontextmanager
async def hearing(
    server: Discord, bot: Bot, *, pace: Pace = QUICK, silence: float = 60.0
) -> AsyncIterator[Told]:
    """A connection that runs, and what it tells."""
    told, made = Told(), connection_to(server, bot, pace=pace, silence=silence)
    made.admit(told)
    running = asyncio.create_task(made.run())
    try:
        yield told
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
