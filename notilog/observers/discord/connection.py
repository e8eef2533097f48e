"""A connection to Discord that is kept up: heard event by event, resumed when it is lost.

The library's own reconnecting is not used: it comes back hundreds of times a second, or after a
quarter of an hour, and fails in ways of its own when a gateway is closed before it says hello.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import Final, NoReturn

import structlog
from yarl import URL

from notilog import clock
from notilog.observers.discord import raw, refusals
from notilog.observers.discord.audience import Audience, say
from notilog.observers.discord.known import Guilds
from notilog.observers.discord.library import COMING_BACK, Client, Session, close_code, hang_up
from notilog.observers.discord.pace import Pace
from notilog.observers.discord.refusals import Drop
from notilog.observers.failures import Permanent, Temporary
from notilog.observers.voice.heard import Listener

log = structlog.get_logger(__name__)

API_BASE: Final = "https://discord.com/api/v10"
SILENCE: Final = 60.0
"""Seconds that a gateway may say nothing at all, not even that it heard our heartbeat."""

IdentifyTurn = Callable[[str, int], Awaitable[None]]
"""Waits for the turn of a bot, told by its key and its max_concurrency, to begin a session."""

_luck = SystemRandom().random


class Connection:
    """One bot at one server. ``token_key`` stands for the token outside this process."""

    def __init__(
        self,
        token: str,
        *,
        token_key: str,
        identify_turn: IdentifyTurn,
        api_base: str = API_BASE,
        pace: Pace | None = None,
        silence: float = SILENCE,
        allow_private: bool = False,
    ) -> None:
        self._token = token
        self._token_key = token_key
        self._identify_turn = identify_turn
        self._pace = pace or Pace()
        self._audience = Audience()
        self._guilds = Guilds(self._audience)
        self._concurrency = 1
        self._connected_at: float | None = None
        self._client = Client(
            api_base.rstrip("/"),
            hear=self._hear,
            turn=self._turn,
            patience=silence,
            allow_private=allow_private,
        )

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return len(self._audience) > 0

    def admit(self, listener: Listener) -> None:
        """Tell them all that is known, and whatever comes."""
        is_connected = self._connected_at is not None
        if is_connected:
            at = clock.now()
            say(listener, lambda one: one.connected(at))
            ids = self._guilds.ids
            say(listener, lambda one: one.present(ids, at))
            for guild in self._guilds.snapshots():
                say(listener, lambda one, guild=guild: one.guild(guild, at))  # type: ignore[misc]
        self._audience.admit(listener, is_informed=is_connected)

    def dismiss(self, listener: Listener) -> None:
        self._audience.dismiss(listener)

    async def run(self) -> NoReturn:
        """Listen until cancelled, once; afterwards nothing of the connection is left.

        Raises:
            Permanent: somebody has to change something first.
            Temporary: it did not work, or not for long enough, too often in a row.
        """
        try:
            await self._log_in()
            await self._follow()
        except (Permanent, Temporary) as error:
            self._lost(str(error))
            raise
        finally:
            await self._client.end()

    async def _log_in(self) -> None:
        try:
            await self._client.log_in(self._token)
        except Exception as error:  # noqa: BLE001  whatever it is, it is told
            settled = refusals.settled(error)
            reason = self._clean(refusals.drop(error, code=None).reason)
            raise settled or Temporary(f"Discord cannot be reached: {reason}") from None

    async def _follow(self) -> NoReturn:
        session: Session | None = None
        failures = 0
        while True:
            drop, session = await self._attempt(session)
            lasted = time.monotonic() - (self._connected_at or time.monotonic())
            failures = self._pace.failures(failures, lasted=lasted)
            self._lost(drop.reason)
            if failures > self._pace.most:
                raise Temporary(
                    f"the connection failed {failures} times in a row: {drop.reason}",
                    after=self._pace.longest,
                )
            if failures >= self._pace.resumes:
                session = None
            pause = self._pace.pause(failures, luck=_luck())
            log.info(
                "discord_connection_lost",
                reason=drop.reason,
                pause=round(pause, 2),
                resumes=session is not None,
            )
            await asyncio.sleep(pause)

    async def _attempt(self, session: Session | None) -> tuple[Drop, Session | None]:
        """Connect and listen until that fails; returns why, and the session to go on with.

        Raises:
            Permanent | Temporary: another attempt would be of no use.
        """
        client = self._client
        client.ws = None  # type: ignore[assignment]  # as it is before the library's first
        try:
            gateway = URL() if session else await self._admitted()
            socket = await client.open(gateway, session)
            while True:
                await socket.poll_event()
        except Exception as error:  # noqa: BLE001  whatever it is, it is told and counted
            code = None if client.ws is None else close_code(client.ws)
            settled = refusals.settled(error)
            if settled is not None:
                raise settled from None
            drop = refusals.drop(error, code=code)
        if client.ws is not None:
            await hang_up(client.ws, COMING_BACK)
            session = _session(client)
        clean = Drop(self._clean(drop.reason), drop.is_resumable)
        return clean, session if drop.is_resumable else None

    async def _admitted(self) -> URL:
        """The gateway to begin a session at, if the bot may begin one.

        Raises:
            Temporary: it may not before long.
        """
        told = raw.fields(await self._client.ask_gateway())
        limit = raw.fields(told.get("session_start_limit"))
        refusal = refusals.no_more_starts(limit)
        if refusal is not None:
            raise refusal
        concurrency = limit.get("max_concurrency")
        self._concurrency = concurrency if isinstance(concurrency, int) else 1
        return URL(told["url"])

    async def _turn(self) -> None:
        await self._identify_turn(self._token_key, self._concurrency)

    def _hear(self, event: str, data: object) -> None:
        """Take in an event as it came; what we fail on costs that event and nothing more."""
        try:
            at = clock.now()
            if event == "READY":
                self._guilds.is_replayed = False
                self._found(is_resumed=False)
                self._guilds.begin(raw.fields(data), at)
                return
            # The first word on a resumed socket is of what was missed: RESUMED follows only then.
            if self._connected_at is None:
                self._guilds.is_replayed = True
            self._found(is_resumed=True)
            if event == "RESUMED":
                self._guilds.is_replayed = False
            self._guilds.hear(event, data, at)
        except Exception:
            log.exception("discord_event_not_understood", discord_event=event)

    def _found(self, *, is_resumed: bool) -> None:
        if self._connected_at is not None:
            return
        self._connected_at = time.monotonic()
        at = clock.now()
        self._audience.tell(lambda one: one.connected(at))
        if is_resumed:  # no snapshots follow: those who came meanwhile are told now
            ids = self._guilds.ids
            self._audience.tell_uninformed(lambda one: one.present(ids, at))
            for guild in self._guilds.snapshots():
                self._audience.tell_uninformed(lambda one, guild=guild: one.guild(guild, at))  # type: ignore[misc]
        self._audience.all_informed()

    def _lost(self, reason: str) -> None:
        self._connected_at = None
        at = clock.now()
        self._audience.tell(lambda one: one.disconnected(at, reason=reason))

    def _clean(self, reason: str) -> str:
        return reason.replace(self._token, "***")


def _session(client: Client) -> Session | None:
    """The session of the newest socket, if it has one."""
    socket = client.ws
    if socket.session_id is None:
        return None
    return Session(socket.session_id, socket.sequence, socket.gateway)
