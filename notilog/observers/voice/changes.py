"""What is to be written of an observer: rows as plain values, each in its final shape. Pure.

Rows have their ids already, so that writing them again after a commit of which nobody knows
whether it succeeded changes nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class ActionMade(NamedTuple):
    """A row of ``voice_actions``."""

    id: UUID
    guild_id: int
    member_id: int
    at: datetime
    kind: str
    before_channel_id: int | None
    before_flags: int | None
    after_channel_id: int | None
    after_flags: int | None
    is_estimated: bool


class SessionBegun(NamedTuple):
    """A new row of ``voice_sessions``."""

    id: UUID
    guild_id: int
    channel_id: int
    member_id: int
    session_id: str
    started_at: datetime
    start_estimated: bool


class SessionState(NamedTuple):
    """What becomes of a session that is there; open while ``ended_at`` is None."""

    id: UUID
    last_seen_at: datetime
    ended_at: datetime | None = None
    end_reason: str | None = None
    end_estimated: bool = False


class IntervalBegun(NamedTuple):
    """A new row of ``voice_intervals``."""

    id: UUID
    voice_session_id: UUID
    kind: str
    started_at: datetime


class GuildKnown(NamedTuple):
    """A guild by its newest name; ``channel_ids`` when every channel of it was told."""

    name: str
    afk_channel_id: int | None
    at: datetime
    channel_ids: frozenset[int] | None


class ChannelKnown(NamedTuple):
    guild_id: int
    name: str


class MemberKnown(NamedTuple):
    name: str
    display_name: str
    is_bot: bool
    at: datetime


@dataclass(slots=True)
class Changes:
    """What became of everything in one batch of events."""

    actions: list[ActionMade] = field(default_factory=list)
    begun: dict[UUID, SessionBegun] = field(default_factory=dict)
    sessions: dict[UUID, SessionState] = field(default_factory=dict)
    intervals: dict[UUID, IntervalBegun] = field(default_factory=dict)
    interval_ends: dict[UUID, datetime] = field(default_factory=dict)
    guilds: dict[int, GuildKnown] = field(default_factory=dict)
    guilds_left: dict[int, datetime] = field(default_factory=dict)
    channels: dict[int, ChannelKnown] = field(default_factory=dict)
    channels_deleted: dict[int, datetime] = field(default_factory=dict)
    members: dict[tuple[int, int], MemberKnown] = field(default_factory=dict)
    """By guild and member."""
    seen: dict[int, datetime] = field(default_factory=dict)
    """By guild: until when every session of it that is open was certainly open."""
    present: tuple[frozenset[int], datetime] | None = None
    """The guilds that there are, and since when that is known: all others were left."""

    def __bool__(self) -> bool:
        return self.weight > 0

    @property
    def weight(self) -> int:
        """How many rows, about."""
        rows = [getattr(self, name) for name in Changes.__dataclass_fields__ if name != "present"]
        return sum(map(len, rows)) + (self.present is not None)
