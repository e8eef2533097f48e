"""What the gateway says, as it stands in its JSON, in words of our own. Pure.

Nothing here fails on what a server leaves out, sends as null or adds: what cannot be told apart
from nothing is None, and a flag that was not sent is False.
"""

from collections.abc import Mapping
from typing import Any, Final

from notilog.observers.voice.heard import Channel, Guild, Member, VoiceState

Fields = Mapping[str, Any]

VOICE_KINDS: Final = (2, 13)
"""Discord's numbers of voice and stage channels."""


def fields(data: object) -> Fields:
    """The fields of an object; none if it is something else."""
    return data if isinstance(data, Mapping) else {}


def parts(data: object) -> list[Fields]:
    """The objects in a list; none if it is something else."""
    return [fields(one) for one in data] if isinstance(data, list) else []


def snowflake(value: object) -> int | None:
    """An id, which is sent as text, and by some servers as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def name(data: Fields) -> str:
    """The name of a guild or a channel; empty if it was not told."""
    return _text(data, "name")


def member(data: object) -> Member | None:
    """A member of a guild; shown by nickname, by display name or by name, whichever there is."""
    told = fields(data)
    user = fields(told.get("user"))
    found = snowflake(user.get("id"))
    if found is None:
        return None
    username = _text(user, "username")
    shown = _text(told, "nick") or _text(user, "global_name") or username
    return Member(found, username, shown, is_bot=user.get("bot") is True)


def channel(data: object) -> Channel | None:
    """A voice or stage channel; None for any other, and for kinds that nobody knows yet."""
    told = fields(data)
    found = snowflake(told.get("id"))
    if found is None or told.get("type") not in VOICE_KINDS:
        return None
    return Channel(found, name(told))


def voice_state(
    data: object, *, guild_id: int | None = None, members: Mapping[int, Member] | None = None
) -> VoiceState | None:
    """A voice state; None outside a guild, as in a call, or if it is not told whose it is.

    Its own channel is taken as it stands, whether or not the channel is known.

    Args:
        data: as it was sent.
        guild_id: the guild that it was told with, where it does not name one itself.
        members: those who were told with it, where it does not name one itself.
    """
    told = fields(data)
    guild = snowflake(told.get("guild_id")) or guild_id
    somebody = member(told.get("member"))
    number = snowflake(told.get("user_id")) or (somebody.id if somebody else None)
    if guild is None or number is None:
        return None
    return VoiceState(
        guild_id=guild,
        member_id=number,
        channel_id=snowflake(told.get("channel_id")),
        session_id=_text(told, "session_id"),
        mute=told.get("mute") is True,
        deafen=told.get("deaf") is True,
        self_mute=told.get("self_mute") is True,
        self_deafen=told.get("self_deaf") is True,
        stream=told.get("self_stream") is True,
        video=told.get("self_video") is True,
        suppress=told.get("suppress") is True,
        member=somebody or (members or {}).get(number),
    )


def guild(data: object) -> Guild | None:
    """A guild as GUILD_CREATE tells of it; None for one that is unavailable, or has no id."""
    told = fields(data)
    found = snowflake(told.get("id"))
    if found is None or told.get("unavailable") is True:
        return None
    members = {one.id: one for one in map(member, parts(told.get("members"))) if one}
    channels = [one for one in map(channel, parts(told.get("channels"))) if one]
    states = [
        one
        for part in parts(told.get("voice_states"))
        if (one := voice_state(part, guild_id=found, members=members)) and one.channel_id
    ]
    return Guild(
        found, name(told), snowflake(told.get("afk_channel_id")), tuple(channels), tuple(states)
    )


def _text(data: Fields, field: str) -> str:
    value = data.get(field)
    return value if isinstance(value, str) else ""
