"""Guilds, channels and people as Discord keeps them, and the JSON that it tells of them."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

TEXT, VOICE, STAGE = 0, 2, 13
JOINED_AT = "2024-01-01T00:00:00.000000+00:00"
FLAGS = ("deaf", "mute", "self_deaf", "self_mute", "self_stream", "self_video", "suppress")

_numbers = count(10**18)


def snowflake() -> int:
    """An id that nobody has."""
    return next(_numbers)


@dataclass(frozen=True, slots=True)
class Person:
    """An account; ``nick`` is their name in every guild of theirs."""

    id: int
    name: str
    global_name: str | None = None
    nick: str | None = None
    is_bot: bool = False

    @property
    def user(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "username": self.name,
            "global_name": self.global_name,
            "discriminator": "0",
            "avatar": None,
            "bot": self.is_bot,
            "public_flags": 0,
        }

    @property
    def member(self) -> dict[str, Any]:
        return {
            "user": self.user,
            "nick": self.nick,
            "avatar": None,
            "roles": [],
            "joined_at": JOINED_AT,
            "premium_since": None,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
            "communication_disabled_until": None,
        }


@dataclass(slots=True)
class Room:
    """A channel; voice unless another ``kind`` (Discord's number) is named."""

    id: int
    name: str
    kind: int = VOICE

    def told(self, guild_id: int) -> dict[str, Any]:
        return {**self.as_part, "guild_id": str(guild_id)}

    @property
    def as_part(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "type": self.kind,
            "name": self.name,
            "position": 0,
            "parent_id": None,
            "permission_overwrites": [],
            "nsfw": False,
            "flags": 0,
            **({"bitrate": 64000, "user_limit": 0, "rtc_region": None} if self.kind else {}),
        }


@dataclass(slots=True)
class Presence:
    """A member in voice: where, by which session, and how."""

    person: Person
    room: Room
    session_id: str
    flags: dict[str, bool] = field(default_factory=dict)

    @property
    def state(self) -> dict[str, Any]:
        return {
            "channel_id": str(self.room.id),
            "user_id": str(self.person.id),
            "session_id": self.session_id,
            "request_to_speak_timestamp": None,
            **dict.fromkeys(FLAGS, False),
            **self.flags,
        }


@dataclass(slots=True)
class Server:
    """A guild; ``tokens`` are those of the bots in it."""

    id: int
    name: str
    tokens: set[str] = field(default_factory=set)
    rooms: dict[int, Room] = field(default_factory=dict)
    presences: dict[int, Presence] = field(default_factory=dict)
    afk_channel_id: int | None = None
    is_available: bool = True

    def room(self, name: str) -> Room:
        (found,) = (one for one in self.rooms.values() if one.name == name)
        return found

    @property
    def properties(self) -> dict[str, Any]:
        """What GUILD_UPDATE tells."""
        afk = None if self.afk_channel_id is None else str(self.afk_channel_id)
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.id),
            "afk_channel_id": afk,
            "afk_timeout": 300,
            "roles": [_everyone(self.id)],
            "emojis": [],
            "stickers": [],
            "features": [],
            "icon": None,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "premium_tier": 0,
            "premium_progress_bar_enabled": False,
            "preferred_locale": "en-US",
        }

    @property
    def whole(self) -> dict[str, Any]:
        """What GUILD_CREATE tells to a bot that may not see members: those in voice alone."""
        present = self.presences.values()
        return {
            **self.properties,
            "unavailable": False,
            "large": False,
            "joined_at": JOINED_AT,
            "member_count": len(present) + 1,
            "channels": [one.as_part for one in self.rooms.values()],
            "members": [one.person.member for one in present],
            "voice_states": [one.state for one in present],
            "threads": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }


def _everyone(guild_id: int) -> dict[str, Any]:
    return {
        "id": str(guild_id),
        "name": "@everyone",
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 0,
        "permissions": "0",
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }
