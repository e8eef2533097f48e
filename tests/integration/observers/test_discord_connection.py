"""What a connection hears, by discord.py itself, of a Discord on loopback."""

from discord.http import Route

from notilog.observers.voice.heard import Channel, Member
from tests.integration.observers.hearing import hearing, so
from tests.outside.discord import Discord, discord_server
from tests.outside.discord_world import STAGE, TEXT

GUILDS_AND_VOICE_STATES = 1 << 0 | 1 << 7


async def test_what_members_do_in_voice_is_heard(server: Discord) -> None:
    bot, ann = server.make_bot(), server.person("ann", nick="Annie")
    guild = server.make_guild(bot)
    talk, games = guild.room("Talk"), guild.room("Games")
    async with hearing(server, bot) as told:
        await told.heard("guild")
        stay = server.join(guild, ann, talk, self_mute=True)
        server.update(guild, ann, self_mute=False, self_stream=True, self_video=True)
        server.update(guild, ann, mute=True, deaf=True, self_deaf=True, suppress=True)
        server.move(guild, ann, games)
        server.leave(guild, ann)
        await told.heard("voice", 5)
    joined, streaming, silenced, moved, left = told.states
    assert told.kinds == ["connected", "guild", *["voice"] * 5]
    assert (joined.guild_id, joined.member_id, joined.channel_id) == (guild.id, ann.id, talk.id)
    assert joined.session_id == stay.session_id
    assert joined.member == Member(ann.id, "ann", "Annie")
    assert joined.self_mute
    assert (streaming.self_mute, streaming.stream, streaming.video) == (False, True, True)
    assert silenced.mute
    assert silenced.deafen
    assert silenced.self_deafen
    assert silenced.suppress
    assert (moved.channel_id, moved.session_id) == (games.id, joined.session_id)
    assert left.channel_id is None


async def test_only_guilds_and_voice_states_are_asked_for(server: Discord) -> None:
    bot = server.make_bot()
    async with hearing(server, bot) as told:
        await told.heard("connected")
    assert bot.intents == GUILDS_AND_VOICE_STATES
    assert [one.path for one in server.rest.requests] == ["/users/@me", "/gateway/bot"]
    assert server.gateway.queries[0]["compress"] in {"zstd-stream", "zlib-stream"}


async def test_a_guild_is_seen_as_it_stands(server: Discord) -> None:
    bot = server.make_bot()
    guild = server.make_guild(bot, name="Here", channels=["Talk"])
    stage = server.make_channel(guild, "Stage", kind=STAGE)
    server.make_channel(guild, "text", kind=TEXT)
    server.make_channel(guild, "of tomorrow", kind=99)
    server.update_guild(guild, afk=stage)
    robot = server.person("robot", is_bot=True)
    server.join(guild, robot, guild.room("Talk"))
    async with hearing(server, bot) as told:
        await told.heard("guild")
    (seen,) = told.guilds
    talk = guild.room("Talk")
    assert (seen.id, seen.name, seen.afk_channel_id) == (guild.id, "Here", stage.id)
    assert seen.channels == (Channel(talk.id, "Talk"), Channel(stage.id, "Stage"))
    (state,) = seen.states
    assert (state.guild_id, state.channel_id) == (guild.id, talk.id)
    assert state.member == Member(robot.id, "robot", "Robot", is_bot=True)


async def test_a_leave_without_its_member_is_not_dropped(server: Discord) -> None:
    """Fact 1: the library drops it, whatever its cache does."""
    bot, ann = server.make_bot(), server.person("ann")
    guild = server.make_guild(bot)
    server.join(guild, ann, guild.room("Talk"))
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.lose_socket(guild, ann)
        await told.heard("voice")
    (left,) = told.states
    assert (left.member_id, left.channel_id, left.member) == (ann.id, None, None)


async def test_a_channel_that_nobody_was_told_of_is_no_leave(server: Discord) -> None:
    """Fact 2: the raw channel is trusted."""
    bot, ann = server.make_bot(), server.person("ann")
    guild = server.make_guild(bot)
    stay = server.join(guild, ann, guild.room("Talk"))
    async with hearing(server, bot) as told:
        await told.heard("guild")
        state = {**stay.state, "guild_id": str(guild.id), "channel_id": "4"}
        server.tell(guild, "VOICE_STATE_UPDATE", state)
        await told.heard("voice")
    assert told.states[0].channel_id == 4


async def test_channels_are_heard_of_when_they_are_voice_and_change_their_name(
    server: Discord,
) -> None:
    bot = server.make_bot()
    guild = server.make_guild(bot, channels=["Talk"])
    talk = guild.room("Talk")
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.rename_channel(guild, talk, "Talk")
        server.rename_channel(guild, talk, "Chat")
        text = server.make_channel(guild, "text", kind=TEXT)
        made = server.make_channel(guild, "New")
        server.delete_channel(guild, text)
        server.delete_channel(guild, talk)
        await told.heard("channel_deleted")
    assert told.all[2:] == [
        ("channel", guild.id, Channel(talk.id, "Chat")),
        ("channel", guild.id, Channel(made.id, "New")),
        ("channel_deleted", guild.id, talk.id),
    ]


async def test_a_guild_changes_goes_away_and_comes_back(server: Discord) -> None:
    bot = server.make_bot()
    guild = server.make_guild(bot, name="Old")
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.update_guild(guild)
        server.update_guild(guild, name="New", afk=guild.room("Talk"))
        server.guild_outage(guild)
        server.guild_back(guild)
        server.kick_bot(guild, bot)
        server.invite(guild, bot)
        await told.heard("guild", 3)
    changed = ("guild_changed", guild.id, "New", guild.room("Talk").id)
    kinds = ["guild_changed", "unavailable", "guild", "left", "guild"]
    assert told.kinds[2:] == kinds
    assert told.all[2] == changed


async def test_what_makes_no_sense_costs_itself_and_nothing_more(server: Discord) -> None:
    """Fact 3: parsers of the library would raise KeyError or TypeError over each of these."""
    bot, ann = server.make_bot(), server.person("ann")
    guild = server.make_guild(bot)
    odd: object = {"guild_id": {}, "id": None, "user_id": 1.5}
    senseless: list[object] = [None, [], "text", {}, odd]
    async with hearing(server, bot) as told:
        await told.heard("guild")
        for event in (
            "VOICE_STATE_UPDATE",
            "GUILD_UPDATE",
            "GUILD_DELETE",
            "CHANNEL_CREATE",
            "CHANNEL_DELETE",
            "OF_TOMORROW",
        ):
            for data in senseless:
                server.tell(guild, event, data)
        server.tell(guild, "GUILD_CREATE", {"id": str(guild.id), "channels": None})
        server.join(guild, ann, guild.room("Talk"))
        await told.heard("voice")
    assert told.kinds == ["connected", "guild", "guild", "voice"]
    assert (len(bot.identifies), len(bot.resumes)) == (1, 0)


async def test_servers_at_several_bases_do_not_disturb_each_other(server: Discord) -> None:
    before = Route.BASE
    async with discord_server() as other:
        mine, theirs = server.make_bot(), other.make_bot()
        guild = other.make_guild(theirs)
        async with hearing(server, mine) as told, hearing(other, theirs) as elsewhere:
            await so(lambda: told.kinds == ["connected"])
            await elsewhere.heard("guild")
    assert [one.id for one in elsewhere.guilds] == [guild.id]
    assert before == Route.BASE
