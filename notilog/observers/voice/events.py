"""What was heard, one value per event, in the order in which it is to be recorded. Pure."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from notilog.observers.voice.heard import Channel, Guild, VoiceState


@dataclass(frozen=True, slots=True)
class Linked:
    """The connection is there, or is not."""

    at: datetime
    connected: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """Nothing has happened besides, until this instant."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Present:
    """The bot is in these guilds, and in no other."""

    at: datetime
    guild_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    at: datetime
    guild: Guild


@dataclass(frozen=True, slots=True)
class Voice:
    """A state of a member; ``is_estimated`` when nobody knows since when it is so.

    States between the last one and it were dropped, or it is told late.
    """

    at: datetime
    state: VoiceState
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class GuildChanged:
    at: datetime
    guild_id: int
    name: str
    afk_channel_id: int | None


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    at: datetime
    guild_id: int
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelDeleted:
    at: datetime
    guild_id: int
    channel_id: int


@dataclass(frozen=True, slots=True)
class Outage:
    at: datetime
    guild_id: int


@dataclass(frozen=True, slots=True)
class GuildLeft:
    at: datetime
    guild_id: int


@dataclass(frozen=True, slots=True)
class Torn:
    """Events of a guild were dropped: what we have of it cannot be trusted."""

    at: datetime
    guild_id: int


Event = (
    Linked
    | Seen
    | Present
    | Snapshot
    | Voice
    | GuildChanged
    | ChannelSeen
    | ChannelDeleted
    | Outage
    | GuildLeft
    | Torn
)


def subject(event: Event) -> Hashable:
    """What an event is about: of two about the same, the later says it all but for the history."""
    match event:
        case Voice(state=state):
            return ("voice", state.guild_id, state.member_id)
        case Snapshot(guild=Guild(id=guild_id)) | GuildLeft(guild_id=guild_id):
            return ("guild", guild_id)
        case (
            ChannelSeen(guild_id=guild_id, channel=Channel(id=channel_id))
            | ChannelDeleted(guild_id=guild_id, channel_id=channel_id)
        ):
            return ("channel", guild_id, channel_id)
        case Linked() | Seen() | Present():
            return (type(event),)
        case _:
            return (type(event), event.guild_id)
