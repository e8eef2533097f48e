"""A Discord on loopback with many bots and much coming and going; a program of its own.

It prints one JSON object a line: first where it is and the tokens of its bots; then, once a line
``EVENTS A_SECOND`` was read, when each member joined, by the wall clock. It ends with its stdin.
"""

import asyncio
import json
import sys
import time

from notilog import descriptors
from tests.outside.discord import Discord, discord_server
from tests.outside.discord_world import Server


async def main(bots: int) -> None:
    async with discord_server() as discord:
        made = [discord.make_bot() for _ in range(bots)]
        guilds = [discord.make_guild(bot) for bot in made]
        _tell({"api_base": discord.api_base, "tokens": [bot.token for bot in made]})
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            events, a_second = map(int, line.split())
            _tell(await _come_and_go(discord, guilds, events=events, a_second=a_second))


async def _come_and_go(
    discord: Discord, guilds: list[Server], *, events: int, a_second: int
) -> dict[int, float]:
    """Members join, one guild after the other, and leave again; when each joined."""
    joined: dict[int, float] = {}
    begun = time.monotonic()
    for number in range(events // 2):
        guild = guilds[number % len(guilds)]
        person = discord.person(f"member{number}")
        room = next(iter(guild.rooms.values()))
        await asyncio.sleep(max(0.0, begun + 2 * number / a_second - time.monotonic()))
        joined[person.id] = time.time()
        discord.join(guild, person, room)
        if number >= len(guilds):
            discord.leave(guild, next(one.person for one in guild.presences.values()))
    return joined


def _tell(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    descriptors.allow_many()
    asyncio.run(main(int(sys.argv[1])))
