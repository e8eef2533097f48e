"""Observers of one process that share the connection of a bot."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, NoReturn

import pytest

from notilog.observers.discord.hub import Hub
from notilog.observers.failures import Permanent, Temporary
from tests.integration.observers.hearing import HASTY, QUICK, Told, at_once, so
from tests.outside.discord import Discord, discord_server
from tests.outside.discord_bots import Bot

Listen = Callable[[Bot, Told], "asyncio.Task[NoReturn]"]


@pytest.fixture
def hub() -> Hub:
    return Hub(identify_turn=at_once, allow_private=True, secret="a secret", pace=QUICK)


@pytest.fixture
async def listen(server: Discord, hub: Hub) -> AsyncIterator[Listen]:
    """Starts to listen; what still listens at the end is stopped."""
    tasks: list[asyncio.Task[NoReturn]] = []

    def started(bot: Bot, told: Told) -> "asyncio.Task[NoReturn]":
        tasks.append(begun(hub.listen(bot.token, told, api_base=server.api_base)))
        return tasks[-1]

    yield started
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def begun(listening: Coroutine[Any, Any, NoReturn]) -> "asyncio.Task[NoReturn]":
    return asyncio.create_task(listening)


async def stopped(task: "asyncio.Task[NoReturn]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_observers_of_a_bot_share_a_connection(server: Discord, listen: Listen) -> None:
    bot, ann, told = server.make_bot(), server.person("ann"), [Told(), Told(), Told()]
    guild = server.make_guild(bot)
    for one in told:
        listen(bot, one)
    for one in told:
        await one.heard("guild")
    server.join(guild, ann, guild.room("Talk"))
    for one in told:
        await one.heard("voice")
        assert one.kinds == ["connected", "guild", "voice"]
    assert len(server.connections) == len(bot.identifies) == 1


async def test_who_comes_late_is_told_how_it_stands_first(server: Discord, listen: Listen) -> None:
    bot, ann, bob = server.make_bot(), server.person("ann"), server.person("bob")
    guild, other = server.make_guild(bot), server.make_guild(bot)
    early, late = Told(), Told()
    server.join(guild, bob, guild.room("Talk"))
    listen(bot, early)
    await early.heard("guild", 2)
    server.join(guild, ann, guild.room("Talk"))
    server.move(guild, ann, guild.room("Games"))
    server.leave(guild, bob)
    server.rename_channel(guild, guild.room("Talk"), "Chat")
    server.update_guild(guild, name="New")
    server.guild_outage(other)
    await early.heard("unavailable")
    listen(bot, late)
    await late.heard("guild")
    server.leave(guild, ann)
    await late.heard("voice")
    assert late.kinds == ["connected", "guild", "voice"]
    seen = late.guilds[0]
    assert (seen.id, seen.name) == (guild.id, "New")
    assert [one.name for one in seen.channels] == ["Chat", "Games"]
    (state,) = seen.states
    assert (state.member_id, state.channel_id) == (ann.id, guild.room("Games").id)


async def test_who_comes_while_nothing_is_heard_is_told_when_it_is_again(
    server: Discord, listen: Listen
) -> None:
    bot, ann = server.make_bot(), server.person("ann")
    guild = server.make_guild(bot)
    early, late = Told(), Told()
    listen(bot, early)
    await early.heard("guild")
    server.refuse_gateway(4000)
    server.drop_connections(4000)
    await early.heard("disconnected")
    listen(bot, late)
    server.join(guild, ann, guild.room("Talk"))
    server.accept_gateway()
    await late.heard("voice")
    before_resuming = [one for one in late.kinds if one != "disconnected"]
    assert before_resuming == ["connected", "guild", "voice"]
    assert early.count("guild") == 1
    assert len(bot.identifies) == 1


async def test_the_connection_ends_with_its_last_listener(
    server: Discord, hub: Hub, listen: Listen
) -> None:
    bot, first, second = server.make_bot(), Told(), Told()
    one, other = listen(bot, first), listen(bot, second)
    await first.heard("connected")
    await stopped(one)
    assert hub.connections == 1
    assert server.gateway.conversations
    await stopped(other)
    assert hub.connections == 0
    await so(lambda: not server.gateway.conversations)
    await so(lambda: not [one for one in threading.enumerate() if "keep-alive" in one.name])
    assert first.reasons == []


async def test_who_comes_back_after_the_end_begins_anew(server: Discord, listen: Listen) -> None:
    bot, told = server.make_bot(), Told()
    one = listen(bot, told)
    await told.heard("connected")
    await stopped(one)
    listen(bot, told)
    await told.heard("connected", 2)
    assert len(bot.identifies) == 2


@pytest.mark.parametrize("steps", range(8))
async def test_who_comes_while_the_connection_ends_gets_one(
    server: Discord, listen: Listen, steps: int
) -> None:
    bot, first, second = server.make_bot(), Told(), Told()
    one = listen(bot, first)
    await first.heard("connected")
    one.cancel()
    for _ in range(steps):
        await asyncio.sleep(0)
    other = listen(bot, second)
    await second.heard("connected")
    with pytest.raises(asyncio.CancelledError):
        await one
    assert not other.done()


async def test_a_failure_for_good_reaches_everybody(
    server: Discord, hub: Hub, listen: Listen
) -> None:
    bot = server.make_bot()
    server.rules.answer_identify = 4004
    tasks = [listen(bot, Told()) for _ in range(3)]
    failures = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in failures] == [Permanent] * 3
    assert len({id(one) for one in failures}) == 3
    assert len(bot.identifies) == 1
    assert hub.connections == 0


async def test_a_failure_for_a_while_says_for_how_long(server: Discord, listen: Listen) -> None:
    bot = server.make_bot()
    bot.starts.remaining, bot.starts.reset_after = 0, 77.0
    tasks = [listen(bot, Told()) for _ in range(2)]
    for failure in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(failure, Temporary)
        assert failure.after == 77.0


async def test_who_listens_again_after_a_failure_gets_a_new_connection(
    server: Discord, listen: Listen
) -> None:
    bot, told = server.make_bot(), Told()
    server.rules.answer_identify = 4014
    with pytest.raises(Permanent):
        await listen(bot, told)
    server.rules.answer_identify = None
    listen(bot, told)
    await told.heard("connected")


async def test_a_listener_that_fails_does_not_take_the_others_with_it(
    server: Discord, listen: Listen
) -> None:
    class Clumsy(Told):
        def _note(self, what: str, *_rest: object) -> None:
            raise RuntimeError(what)

    bot, ann, told = server.make_bot(), server.person("ann"), Told()
    guild = server.make_guild(bot)
    listen(bot, Clumsy())
    listen(bot, told)
    await told.heard("guild")
    server.join(guild, ann, guild.room("Talk"))
    await told.heard("voice")
    assert len(bot.identifies) == 1


async def test_bots_and_servers_have_connections_of_their_own(server: Discord, hub: Hub) -> None:
    async with discord_server() as other:
        token = server.make_bot().token
        other.make_bot(token=token)
        here, there, second = Told(), Told(), Told()
        tasks = [
            begun(hub.listen(token, here, api_base=server.api_base + "/")),
            begun(hub.listen(token, there, api_base=other.api_base)),
            begun(hub.listen(server.make_bot().token, second, api_base=server.api_base)),
        ]
        for told in (here, there, second):
            await told.heard("connected")
        assert hub.connections == 3
        assert (len(server.connections), len(other.connections)) == (2, 1)
        assert token not in repr(hub)
        for one in tasks:
            await stopped(one)


async def test_many_bots_are_heard_at_once(server: Discord) -> None:
    hub = Hub(identify_turn=at_once, allow_private=True, secret="a secret", pace=HASTY)
    ann, heard = server.person("ann"), dict[int, Told]()
    for _ in range(50):
        bot, told = server.make_bot(), Told()
        heard[server.make_guild(bot).id] = told
    tasks = [
        begun(hub.listen(bot.token, told, api_base=server.api_base))
        for bot, told in zip(server.bots.values(), heard.values(), strict=True)
    ]
    for told in heard.values():
        await told.heard("guild")
    for guild in server.guilds.values():
        server.join(guild, ann, guild.room("Talk"))
    for guild_id, told in heard.items():
        await told.heard("voice")
        assert [one.guild_id for one in told.states] == [guild_id]
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
