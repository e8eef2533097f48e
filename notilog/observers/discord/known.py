"""The guilds of a bot as they stand now: raw events change them, and the audience is told.

The library's own cache is not used: it drops what it cannot place, and would be kept twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from notilog.observers.discord import raw
from notilog.observers.discord.audience import Audience
from notilog.observers.discord.raw import Fields
from notilog.observers.voice.heard import Channel, Guild, VoiceState


@dataclass(slots=True)
class _Known:
    """A guild that is available."""

    name: str
    afk_channel_id: int | None
    channels: dict[int, Channel]
    states: dict[int, VoiceState]

    def seen(self, guild_id: int) -> Guild:
        channels, states = tuple(self.channels.values()), tuple(self.states.values())
        return Guild(guild_id, self.name, self.afk_channel_id, channels, states)


class Guilds:
    """What is known of every guild, and of which are the bot's at all."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self.is_replayed = False
        """Whether events come that happened before the session was resumed."""
        self._known: dict[int, _Known] = {}
        self._members_of: set[int] = set()
        """Guilds that the bot is in, be they available or not."""

    @property
    def ids(self) -> frozenset[int]:
        """Every guild that the bot is in."""
        return frozenset(self._members_of)

    def snapshots(self) -> list[Guild]:
        """Every guild that is available."""
        return [one.seen(guild_id) for guild_id, one in self._known.items()]

    def begin(self, ready: Fields, at: datetime) -> None:
        """A new session: what was known is old, and each guild will be told of anew."""
        told = raw.parts(ready.get("guilds"))
        now = {found for one in told if (found := raw.snowflake(one.get("id"))) is not None}
        gone, seen = self._members_of - now, self._known.keys() & now
        self._known.clear()
        self._members_of = now
        for guild_id in sorted(gone):
            self._tell_left(guild_id, at)
        for guild_id in sorted(seen):  # one that has an outage is not told of before it is over
            self._tell_unavailable(guild_id, at)
        guild_ids = frozenset(now)
        self._audience.tell(lambda one: one.present(guild_ids, at))
        for one in told:
            if "channels" in one:  # some servers tell all at once
                self.created(one, at)

    def hear(self, event: str, data: object, at: datetime) -> None:
        """Take in an event; one that says nothing of voice channels is passed over."""
        handler = _EVENTS.get(event)
        if handler is not None:
            handler(self, raw.fields(data), at)

    def created(self, data: Fields, at: datetime) -> None:
        guild = raw.guild(data)
        if guild is None:
            self.deleted({**data, "unavailable": True}, at)
            return
        self._members_of.add(guild.id)
        self._known[guild.id] = _Known(
            guild.name,
            guild.afk_channel_id,
            {one.id: one for one in guild.channels},
            {one.member_id: one for one in guild.states},
        )
        self._audience.tell(lambda one: one.guild(guild, at))

    def deleted(self, data: Fields, at: datetime) -> None:
        guild_id = raw.snowflake(data.get("id"))
        if guild_id is None:
            return
        self._known.pop(guild_id, None)
        if data.get("unavailable") is True:
            self._members_of.add(guild_id)
            self._tell_unavailable(guild_id, at)
        else:
            self._members_of.discard(guild_id)
            self._tell_left(guild_id, at)

    def _tell_unavailable(self, guild_id: int, at: datetime) -> None:
        self._audience.tell(lambda one: one.unavailable(guild_id, at))

    def _tell_left(self, guild_id: int, at: datetime) -> None:
        self._audience.tell(lambda one: one.left(guild_id, at))

    def updated(self, data: Fields, at: datetime) -> None:
        guild_id = raw.snowflake(data.get("id"))
        known = None if guild_id is None else self._known.get(guild_id)
        if guild_id is None or known is None:
            return  # a snapshot will follow
        before = (known.name, known.afk_channel_id)
        known.name = raw.name(data) or known.name
        if "afk_channel_id" in data:
            known.afk_channel_id = raw.snowflake(data["afk_channel_id"])
        name, afk = known.name, known.afk_channel_id
        if (name, afk) != before:
            self._audience.tell(
                lambda one: one.guild_changed(guild_id, at, name=name, afk_channel_id=afk)
            )

    def channel(self, data: Fields, at: datetime) -> None:
        guild_id, channel = raw.snowflake(data.get("guild_id")), raw.channel(data)
        if guild_id is None or channel is None:
            return
        known = self._known.get(guild_id)
        if known is not None:
            if known.channels.get(channel.id) == channel:
                return  # something else about it has changed
            known.channels[channel.id] = channel
        self._audience.tell(lambda one: one.channel(guild_id, channel, at))

    def channel_deleted(self, data: Fields, at: datetime) -> None:
        guild_id, channel_id = (raw.snowflake(data.get(one)) for one in ("guild_id", "id"))
        if guild_id is None or channel_id is None:
            return
        known = self._known.get(guild_id)
        was_known = known is not None and known.channels.pop(channel_id, None) is not None
        if known is not None:
            known.states = {
                member_id: one
                for member_id, one in known.states.items()
                if one.channel_id != channel_id
            }
        if was_known or raw.channel(data) is not None:
            self._audience.tell(lambda one: one.channel_deleted(guild_id, channel_id, at))

    def voice(self, data: Fields, at: datetime) -> None:
        state = raw.voice_state(data)
        if state is None:
            return
        known = self._known.get(state.guild_id)
        if known is not None:
            before = known.states.pop(state.member_id, None)
            if state.channel_id is not None:
                member = state.member or (before.member if before else None)
                known.states[state.member_id] = replace(state, member=member)
        is_late = self.is_replayed
        self._audience.tell(lambda one: one.voice(state, at, is_late=is_late))


_EVENTS: Final[Mapping[str, Callable[[Guilds, Fields, datetime], None]]] = {
    "GUILD_CREATE": Guilds.created,
    "GUILD_UPDATE": Guilds.updated,
    "GUILD_DELETE": Guilds.deleted,
    "CHANNEL_CREATE": Guilds.channel,
    "CHANNEL_UPDATE": Guilds.channel,
    "CHANNEL_DELETE": Guilds.channel_deleted,
    "VOICE_STATE_UPDATE": Guilds.voice,
}
EVENTS: Final = ("READY", "RESUMED", *_EVENTS)
