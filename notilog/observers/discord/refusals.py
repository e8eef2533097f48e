"""What the library's errors mean: for good, for a while, or only that the socket is lost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
import discord
from discord.gateway import ReconnectWebSocket

from notilog.errors import SendFailed
from notilog.observers.failures import Permanent, Temporary

FOR_GOOD: Final[Mapping[int, str]] = {
    4004: "Discord refuses the token: reset it in the Developer Portal and give us the new one",
    4010: "Discord calls our shard invalid: this kind of server is not supported",
    4011: "the bot is in too many guilds for one connection, and sharding is not supported: "
    "use a bot that is in fewer",
    4012: "Discord takes this version of its API no more: update NotiLog",
    4013: "Discord does not know our intents (guilds, voice states): update NotiLog",
    4014: "Discord does not allow our intents (guilds, voice states): "
    "allow them for the bot in the Developer Portal",
}
UNAUTHORIZED, TOO_MANY = 401, 429
AFTER_REFUSAL: Final = 60.0
"""Seconds to wait where a server refuses us without saying for how long."""

LONGEST: Final = 86_400.0

# After these a session cannot be resumed: its number is not known, or it has ended.
SESSION_IS_OVER: Final = frozenset({4003, 4007, 4009})


@dataclass(frozen=True, slots=True)
class Drop:
    """A connection that was lost; ``is_resumable`` if its session may be gone on with."""

    reason: str
    is_resumable: bool


def settled(error: Exception) -> Permanent | Temporary | None:
    """What to end with; None if the connection may be tried again."""
    if isinstance(error, Permanent | Temporary):
        return error
    if isinstance(error, discord.LoginFailure | SendFailed):
        return Permanent(str(error) if isinstance(error, SendFailed) else FOR_GOOD[4004])
    if isinstance(error, discord.ConnectionClosed) and error.code in FOR_GOOD:
        return Permanent(f"{FOR_GOOD[error.code]} (close code {error.code})")
    if isinstance(error, discord.RateLimited):
        return Temporary("Discord limits our requests", after=_bounded(error.retry_after))
    if isinstance(error, discord.HTTPException):
        return _refused(error)
    return None


def _refused(error: discord.HTTPException) -> Permanent | Temporary | None:
    if error.status == UNAUTHORIZED:
        return Permanent(FOR_GOOD[4004])
    if error.status == TOO_MANY:
        return Temporary("Discord limits our requests", after=_retry_after(error))
    return None


def _retry_after(error: discord.HTTPException) -> float:
    try:
        return _bounded(float(error.response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return AFTER_REFUSAL


def _bounded(seconds: float) -> float:
    """A pause that makes sense, whatever a server asks for."""
    return min(max(seconds, 0.0), LONGEST) if math.isfinite(seconds) else AFTER_REFUSAL


def drop(error: Exception, *, code: int | None) -> Drop:
    """What was lost; ``code`` is what the server closed the socket with, if it did."""
    if isinstance(error, ReconnectWebSocket):
        if not error.resume:
            return Drop("the session is not valid any more", is_resumable=False)
        ours = "it was silent, or asked for a new connection"
        told = ours if code is None else f"closed with code {code}"
        return Drop(told, is_resumable=code not in SESSION_IS_OVER)
    is_network = isinstance(error, OSError | aiohttp.ClientError | discord.ConnectionClosed)
    # Anything else is an error of the library, over something that must not be replayed to it.
    return Drop(f"{type(error).__name__}: {error}", is_resumable=is_network)


def no_more_starts(limit: Mapping[str, object]) -> Temporary | None:
    """Whether the day's session starts are used up: beginning one more resets the bot's token."""
    remaining, milliseconds = limit.get("remaining"), limit.get("reset_after")
    if not isinstance(remaining, int) or remaining > 0:
        return None
    after = milliseconds / 1000 if isinstance(milliseconds, int | float) else AFTER_REFUSAL
    return Temporary("the bot's session starts of the day are used up", after=_bounded(after))
