"""The connection, by discord.py itself, to a Discord on loopback."""

from tests.integration.observers.hearing import hearing
from tests.outside.discord import Discord


async def test_a_join_is_heard(server: Discord) -> None:
    bot = server.make_bot()
    guild = server.make_guild(bot)
    ann = server.person("ann", nick="Annie")
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.join(guild, ann, guild.room("Talk"), self_mute=True)
        await told.heard("voice")
    (state,) = told.states
    assert told.kinds == ["connected", "guild", "voice"]
    assert (state.guild_id, state.member_id) == (guild.id, ann.id)
    assert state.channel_id == guild.room("Talk").id
    assert state.self_mute
    assert state.member
    assert state.member.display_name == "Annie"
