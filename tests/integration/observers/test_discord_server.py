"""The Discord of our own is one: discord.py's own parsers, and other clients, understand it."""

import asyncio
import json
import zlib

import aiohttp
import discord
import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from tests.integration.observers.hearing import so
from tests.outside.discord import Discord

HELLO = 10


async def test_the_library_follows_it_with_its_own_parsers(
    server: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Route, "BASE", server.api_base)
    gateway = URL(f"ws://127.0.0.1:{server.port}/gateway")  # which it does not ask for by itself
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
    bot, ann, heard = server.make_bot(), server.person("ann"), list[tuple[str, str]]()
    guild = server.make_guild(bot, name="Here")
    client = discord.Client(
        intents=discord.Intents(guilds=True, voice_states=True),
        member_cache_flags=discord.MemberCacheFlags(voice=True, joined=False),
        max_messages=None,
        guild_ready_timeout=0.01,
    )

    @client.event
    async def on_voice_state_update(
        member: discord.Member, _before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        heard.append((member.name, str(after.channel)))

    async with client:
        running = asyncio.create_task(client.start(bot.token))
        await so(client.is_ready)
        assert [one.name for one in client.guilds] == ["Here"]
        assert client.application
        # One by one: it changes the states that it has given to handlers that did not run yet.
        server.join(guild, ann, guild.room("Talk"))
        await so(lambda: len(heard) == 1)
        server.rename_channel(guild, guild.room("Games"), "Play")
        server.move(guild, ann, guild.room("Play"))
        await so(lambda: len(heard) == 2)
        server.lose_socket(guild, ann)
        await so(lambda: len(heard) == 3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert heard == [("ann", "Talk"), ("ann", "Play"), ("ann", "None")]


@pytest.mark.parametrize("compress", ["", "&compress=zlib-stream"])
async def test_clients_may_ask_for_another_compression(server: Discord, compress: str) -> None:
    url = f"http://127.0.0.1:{server.port}/gateway?v=10&encoding=json{compress}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        data = (await socket.receive()).data
    text = zlib.decompressobj().decompress(data) if compress else data
    assert json.loads(text)["op"] == HELLO


async def test_the_gateway_is_told_to_everybody_and_the_rest_to_bots(server: Discord) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(server.api_base + "/gateway") as answer:
            assert (await answer.json())["url"].startswith("ws://")
            assert answer.headers["Content-Type"] == "application/json"
        async with session.get(server.api_base + "/users/@me") as answer:
            assert answer.status == 401
