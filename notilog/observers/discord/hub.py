"""One connection for all of a process's observers with the same bot: Discord counts by token."""

import asyncio
from contextvars import Context
from dataclasses import dataclass
from time import monotonic
from typing import Final, NoReturn

import structlog

from notilog.observers.discord.connection import API_BASE, SILENCE, Connection, IdentifyTurn
from notilog.observers.discord.identifying import token_key
from notilog.observers.discord.pace import Pace
from notilog.observers.failures import Permanent, Temporary
from notilog.observers.voice.heard import Listener

log = structlog.get_logger(__name__)

LEAST_PAUSE: Final = 2.0
"""Seconds after a failure for which nobody tries the same bot again."""
END_WITHIN: Final = 2.0
"""Seconds until a connection that does not end is left to itself; it takes less by its own."""


@dataclass(eq=False, frozen=True, slots=True)
class _Shared:
    connection: Connection
    running: asyncio.Task[NoReturn]


class Hub:
    """The connections of a process.

    ``secret`` makes keys of tokens, the same in every process that shares ``identify_turn``.
    """

    def __init__(
        self,
        *,
        identify_turn: IdentifyTurn,
        secret: str,
        pace: Pace | None = None,
        silence: float = SILENCE,
        allow_private: bool = False,
    ) -> None:
        self._identify_turn = identify_turn
        self._secret = secret
        self._pace = pace
        self._silence = silence
        self._allow_private = allow_private
        self._shared: dict[tuple[str, str], _Shared] = {}
        self._not_before: dict[tuple[str, str], float] = {}

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._shared)

    async def listen(self, token: str, listener: Listener, *, api_base: str = API_BASE) -> NoReturn:
        """Hear what the bot hears until cancelled, over a connection that others may use too.

        A listener that comes late is told `connected` and of every guild first. The connection
        ends with its last listener, in about a second and a half at most.

        Raises:
            Permanent: somebody has to change something first.
            Temporary: the connection failed for all who listen.
        """
        key = (token.strip(), api_base.rstrip("/"))
        self._refuse_too_soon(key)
        shared = self._entered(key)
        shared.connection.admit(listener)
        try:
            await asyncio.wait({shared.running})
        finally:
            shared.connection.dismiss(listener)
            if not shared.connection.is_heard:
                self._forget(shared)
                await _ended(shared.running)
        failure = _failure(shared.running)
        if isinstance(failure, Temporary):
            self._not_before[key] = monotonic() + max(failure.after, LEAST_PAUSE)
        raise failure

    def _refuse_too_soon(self, key: tuple[str, str]) -> None:
        """A bot that failed for one is not tried by each of the others at once."""
        left = self._not_before.get(key, 0.0) - monotonic()
        if left > 0:
            raise Temporary("the connection of this bot failed just before", after=left)
        self._not_before.pop(key, None)

    def _entered(self, key: tuple[str, str]) -> _Shared:
        if key not in self._shared:
            token, api_base = key
            connection = Connection(
                token,
                token_key=token_key(token, secret=self._secret),
                identify_turn=self._identify_turn,
                api_base=api_base,
                pace=self._pace,
                silence=self._silence,
                allow_private=self._allow_private,
            )
            # A context of its own: its log lines are not those of the observer that came first.
            running = asyncio.create_task(connection.run(), name="discord", context=Context())
            shared = self._shared[key] = _Shared(connection, running)
            running.add_done_callback(lambda _: self._over(shared))
        return self._shared[key]

    def _over(self, shared: _Shared) -> None:
        """Who comes after a failure begins anew, also while others still hear of it."""
        self._forget(shared)
        if not shared.running.cancelled():
            shared.running.exception()  # nobody may be left to ask for it

    def _forget(self, shared: _Shared) -> None:
        self._shared = {key: one for key, one in self._shared.items() if one is not shared}


async def _ended(running: asyncio.Task[NoReturn]) -> None:
    """Cancel a connection and see it end; a second cancellation of ours hurries it."""
    deadline = asyncio.get_running_loop().time() + END_WITHIN
    while not running.done():
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            log.error("discord_connection_does_not_end")
            return
        running.cancel()
        try:
            await asyncio.wait({running}, timeout=left)
        except asyncio.CancelledError:
            continue


def _failure(running: asyncio.Task[NoReturn]) -> Exception:
    """An error of its own for each listener: they are raised in different places."""
    error = None if running.cancelled() else running.exception()
    match error:
        case Permanent():
            return Permanent(str(error))
        case Temporary():
            return Temporary(str(error), after=error.after)
        case None:
            return Temporary("the connection to Discord was ended")
        case _:
            log.error("discord_connection_broke", exc_info=error)
            return Temporary(f"the connection to Discord broke: {type(error).__name__}")
