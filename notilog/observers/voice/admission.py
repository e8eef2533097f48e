"""What a server tells, made fit to be stored: it may be any that speaks the protocol. Pure."""

from dataclasses import replace
from typing import Final

from notilog.observers.storable import storable
from notilog.observers.voice.heard import Channel, Guild, Member, VoiceState

LARGEST_ID: Final = 2**63 - 1


def admitted_state(state: VoiceState) -> VoiceState | None:
    """The state with storable texts; None when an id is no snowflake."""
    ids = (state.guild_id, state.member_id, state.channel_id or 0)
    if not all(is_snowflake(each) for each in ids):
        return None
    session_id = storable(state.session_id)
    member = None if state.member is None else _admitted_member(state.member)
    if member is state.member and session_id == state.session_id:
        return state
    return replace(state, session_id=session_id, member=member)


def admitted_guild(guild: Guild) -> Guild:
    """The guild without channels and states that cannot be stored."""
    states = (admitted_state(state) for state in guild.states)
    afk = guild.afk_channel_id
    return replace(
        guild,
        name=storable(guild.name),
        afk_channel_id=afk if afk is not None and is_snowflake(afk) else None,
        channels=tuple(
            admitted_channel(channel) for channel in guild.channels if is_snowflake(channel.id)
        ),
        states=tuple(state for state in states if state is not None),
    )


def admitted_channel(channel: Channel) -> Channel:
    name = storable(channel.name)
    return channel if name == channel.name else replace(channel, name=name)


def is_snowflake(number: int) -> bool:
    return 0 <= number <= LARGEST_ID


def _admitted_member(member: Member) -> Member:
    name, display_name = storable(member.name), storable(member.display_name)
    if (name, display_name) == (member.name, member.display_name):
        return member
    return replace(member, name=name, display_name=display_name)
