"""What a connection hears of voice channels, free of any library's objects. Ids are snowflakes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a guild, as far as was told."""

    id: int
    name: str
    display_name: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A voice or stage channel."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class VoiceState:
    """Where a member is, and how; ``channel_id`` is None after a leave.

    ``session_id`` tells one stay of one client from another; ``member`` is None when the server
    did not tell.
    """

    guild_id: int
    member_id: int
    channel_id: int | None
    session_id: str
    mute: bool = False
    deafen: bool = False
    self_mute: bool = False
    self_deafen: bool = False
    stream: bool = False
    video: bool = False
    suppress: bool = False
    member: Member | None = None


@dataclass(frozen=True, slots=True)
class Guild:
    """All that is known of a guild's voice channels at an instant: every channel, every state."""

    id: int
    name: str
    afk_channel_id: int | None
    channels: tuple[Channel, ...]
    states: tuple[VoiceState, ...]


class Listener(Protocol):
    """Whom a connection tells, on the event loop and in order; no method waits or raises.

    ``at`` is when it was heard, in UTC.
    """

    def connected(self, at: datetime) -> None:
        """Nothing is missed from here on: the session was resumed, or snapshots follow."""

    def disconnected(self, at: datetime, *, reason: str) -> None:
        """Nothing is heard until `connected`; may be told several times in a row."""

    def present(self, guild_ids: frozenset[int], at: datetime) -> None:
        """Every guild that the bot is in: it is in no other, be they available or not."""

    def guild(self, guild: Guild, at: datetime) -> None:
        """A snapshot: the guild became available, was joined, or is seen after a reconnect."""

    def voice(self, state: VoiceState, at: datetime, *, is_late: bool = False) -> None:
        """A member joined, left, moved, or changed how they are there.

        ``is_late`` when it happened some time before, while there was no connection.
        """

    def guild_changed(
        self, guild_id: int, at: datetime, *, name: str, afk_channel_id: int | None
    ) -> None: ...

    def channel(self, guild_id: int, channel: Channel, at: datetime) -> None:
        """A channel was made or renamed."""

    def channel_deleted(self, guild_id: int, channel_id: int, at: datetime) -> None: ...

    def unavailable(self, guild_id: int, at: datetime) -> None:
        """An outage of the guild: nobody has left."""

    def left(self, guild_id: int, at: datetime) -> None:
        """The bot is no member of the guild any more."""
