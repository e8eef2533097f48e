"""A connection that is lost, in every way, and comes back."""

import pytest

from notilog.observers.discord.pace import Pace
from tests.integration.observers.hearing import hearing, so
from tests.outside.discord import Discord
from tests.outside.discord_bots import Answer


async def test_what_was_missed_is_replayed_when_the_session_is_resumed(server: Discord) -> None:
    bot, ann = server.make_bot(), server.person("ann")
    guild = server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.drop_connections()
        server.join(guild, ann, guild.room("Talk"))
        server.move(guild, ann, guild.room("Games"))
        await told.heard("voice", 2)
        server.leave(guild, ann)
        await told.heard("voice", 3)
    assert told.kinds == ["connected", "guild", "disconnected", "connected", *["voice"] * 3]
    assert (len(bot.identifies), len(bot.resumes)) == (1, 1)
    assert server.gateway.queries[-1]["path"] == "/resume"


@pytest.mark.parametrize("code", [1000, 1001, 4000, 4001, 4008])
async def test_a_session_is_resumed_after_a_close(server: Discord, code: int) -> None:
    bot = server.make_bot()
    server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.drop_connections(code)
        await told.heard("connected", 2)
    assert (len(bot.identifies), len(bot.resumes)) == (1, 1)
    assert told.reasons == [f"closed with code {code}"]
    assert told.count("guild") == 1


async def test_a_session_is_resumed_when_the_server_asks_for_a_new_connection(
    server: Discord,
) -> None:
    bot = server.make_bot()
    async with hearing(server, bot) as told:
        await told.heard("connected")
        server.ask_to_reconnect()
        await told.heard("connected", 2)
        server.invalidate(resumable=True)
        await told.heard("connected", 3)
    assert (len(bot.identifies), len(bot.resumes)) == (1, 2)


async def test_connected_and_disconnected_are_told_in_turn(server: Discord) -> None:
    """Fact 11: the library repeats both."""
    bot = server.make_bot()
    server.make_guild(bot)
    async with hearing(server, bot) as told:
        for times in range(1, 4):
            await told.heard("connected", times)
            server.drop_connections(4000)
            await told.heard("disconnected", times)
        await told.heard("connected", 4)
    kinds = [one for one in told.kinds if one != "guild"]
    assert kinds == [*["connected", "disconnected"] * 3, "connected"]


@pytest.mark.parametrize("code", [4007, 4009])
async def test_a_session_that_is_over_is_not_resumed(server: Discord, code: int) -> None:
    bot = server.make_bot()
    server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.drop_connections(code)
        await told.heard("guild", 2)
    assert (len(bot.identifies), len(bot.resumes)) == (2, 0)


async def test_an_invalid_session_begins_anew(server: Discord) -> None:
    bot = server.make_bot()
    server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.invalidate(resumable=False)
        await told.heard("guild", 2)
    kinds = ["connected", "guild", "disconnected", "connected", "unavailable", "guild"]
    assert told.kinds == kinds
    assert (len(bot.identifies), len(bot.resumes)) == (2, 0)


async def test_a_guild_that_has_an_outage_when_a_session_begins_is_not_taken_for_seen(
    server: Discord,
) -> None:
    bot = server.make_bot()
    guild = server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.drop_connections(4000)
        server.guild_outage(guild)
        server.forget_sessions()
        await told.heard("unavailable")
        server.guild_back(guild)
        await told.heard("guild", 2)
    assert told.kinds[-3:] == ["connected", "unavailable", "guild"]


async def test_every_guild_is_seen_anew_when_a_resume_fails(server: Discord) -> None:
    """Fact 8: nothing that was missed is replayed then."""
    bot, ann = server.make_bot(), server.person("ann")
    here, there = server.make_guild(bot), server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild", 2)
        server.drop_connections()
        server.forget_sessions()
        server.join(here, ann, here.room("Games"))
        server.kick_bot(there, bot)
        await told.heard("guild", 3)
    assert told.kinds[-4:] == ["connected", "left", "unavailable", "guild"]
    assert told.all[-3:-1] == [("left", there.id), ("unavailable", here.id)]
    assert told.guilds[-1].states[0].channel_id == here.room("Games").id
    assert (len(bot.identifies), len(bot.resumes)) == (2, 1)


async def test_a_server_that_falls_silent_is_left(server: Discord) -> None:
    bot = server.make_bot()
    server.rules.heartbeat = 0.02
    async with hearing(server, bot, silence=1.0) as told:
        await told.heard("connected")
        server.rules.withhold_acks = True
        await told.heard("disconnected")
        server.rules.withhold_acks = False
        await so(lambda: told.kinds[-1] == "connected")
    assert bot.resumes


async def test_a_server_that_went_away_is_found_again(server: Discord) -> None:
    """Fact 3: refused connections are no end."""
    bot, ann = server.make_bot(), server.person("ann")
    guild = server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        await server.down()
        await told.heard("disconnected", 2)
        server.join(guild, ann, guild.room("Talk"))
        await server.up()
        await told.heard("connected", 2)
        await so(lambda: told.count("voice") + told.count("guild") > 1)


async def test_a_gateway_closed_before_hello_is_tried_again(server: Discord) -> None:
    """Fact 3: the library's own loop ends with AttributeError."""
    bot = server.make_bot()
    server.refuse_gateway()
    async with hearing(server, bot) as told:
        await told.heard("disconnected", 2)
        server.accept_gateway()
        await told.heard("connected")
    assert told.reasons[0] == "closed with code 1000"


async def test_a_gateway_that_refuses_connections_is_asked_for_anew(server: Discord) -> None:
    bot = server.make_bot()
    limit = {"remaining": 1, "max_concurrency": 1}
    nowhere = {"url": "ws://127.0.0.1:1/", "session_start_limit": limit}
    server.answer("/gateway/bot", Answer(200, nowhere), Answer(200, {}), Answer(503, {}))
    async with hearing(server, bot) as told:
        await told.heard("connected")
    assert told.reasons[0].startswith("ClientConnectorError")
    assert told.reasons[1].startswith("KeyError")


async def test_an_error_of_the_library_begins_a_new_session(server: Discord) -> None:
    """Fact 3: a parser's KeyError ends the library's loop; what caused it must not come again."""
    bot = server.make_bot()
    guild = server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.tell(guild, "READY", {})
        await told.heard("guild", 2)
    assert told.reasons == ["KeyError: 'session_id'"]
    assert (len(bot.identifies), len(bot.resumes)) == (2, 0)


async def test_a_session_that_cannot_be_resumed_for_long_is_given_up(server: Discord) -> None:
    bot = server.make_bot()
    pace = Pace(first=0.01, longest=0.02, most=100, resumes=3)
    async with hearing(server, bot, pace=pace) as told:
        await told.heard("connected")
        server.refuse_gateway(4000)
        server.drop_connections(4000)
        await told.heard("disconnected", 4)
        server.accept_gateway()
        await told.heard("connected", 2)
    assert (len(bot.identifies), len(bot.resumes)) == (2, 0)


async def test_what_a_resume_replays_is_told_as_late(server: Discord) -> None:
    bot, ann, ben = server.make_bot(), server.person("ann"), server.person("ben")
    guild = server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        server.join(guild, ann, guild.room("Talk"))
        await told.heard("voice")
        server.drop_connections()
        server.leave(guild, ann)
        await told.heard("voice", 2)
        await so(lambda: len(bot.resumes) == 1)
        server.join(guild, ben, guild.room("Talk"))
        await told.heard("voice", 3)
    assert [(one.member_id, one.channel_id) for one in told.late] == [(ann.id, None)]


async def test_each_beginning_says_which_guilds_there_are(server: Discord) -> None:
    """Fact 8: also of what was left while nobody was there."""
    bot = server.make_bot()
    here, there = server.make_guild(bot), server.make_guild(bot)
    async with hearing(server, bot) as told:
        await told.heard("guild", 2)
        assert told.member_of == {here.id, there.id}
    server.kick_bot(there, bot)
    async with hearing(server, bot) as told:
        await told.heard("guild")
        assert told.member_of == {here.id}
