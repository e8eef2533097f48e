"""A Discord of our own on loopback: REST and gateway, in which tests act as the people do.

It speaks the protocol of API version 10 as discord.py knows it. Whatever happens reaches each
session of each bot in the guild, and waits there for a bot that has lost its connection.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from aiohttp import web

from tests.outside.discord_bots import Answer, Bot, Rules
from tests.outside.discord_gateway import INVALID_SESSION, RECONNECT, Gateway, Session
from tests.outside.discord_rest import Rest
from tests.outside.discord_world import VOICE, Person, Presence, Room, Server, snowflake


@dataclass(slots=True)
class Discord:
    """The server's memory; ``api_base`` is what stands in an observer's settings."""

    port: int = 0
    rules: Rules = field(default_factory=Rules)
    bots: dict[str, Bot] = field(default_factory=dict)
    guilds: dict[int, Server] = field(default_factory=dict)
    gateway: Gateway = field(init=False)
    rest: Rest = field(init=False)
    _runner: web.AppRunner | None = None

    def __post_init__(self) -> None:
        self.gateway = Gateway(self.bots, self.rules, self._welcome)
        self.rest = Rest(self.bots, self.rules)

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def connections(self) -> list[float]:
        """When each WebSocket was opened, by `time.monotonic`."""
        return self.gateway.connections

    # Bots and guilds

    def make_bot(self, *, token: str | None = None) -> Bot:
        made = token or f"MTI.{token_hex(3)}.{token_hex(12)}"
        person = Person(snowflake(), "watcher", is_bot=True)
        self.bots[made] = Bot(made, person)
        return self.bots[made]

    def make_guild(
        self, *bots: Bot, name: str = "Guild", channels: Iterable[str] = ("Talk", "Games")
    ) -> Server:
        """A guild with voice channels that the bots are invited to."""
        made = Server(snowflake(), name)
        for one in channels:
            room = Room(snowflake(), one)
            made.rooms[room.id] = room
        self.guilds[made.id] = made
        for bot in bots:
            self.invite(made, bot)
        return made

    def invite(self, guild: Server, bot: Bot) -> None:
        guild.tokens.add(bot.token)
        told = guild.whole
        del told["unavailable"]  # it is there only when an outage ends
        self._dispatch({bot.token}, "GUILD_CREATE", told)

    def kick_bot(self, guild: Server, bot: Bot) -> None:
        guild.tokens.discard(bot.token)
        self._dispatch({bot.token}, "GUILD_DELETE", {"id": str(guild.id)})

    def update_guild(
        self, guild: Server, *, name: str | None = None, afk: Room | None = None
    ) -> None:
        guild.name = name or guild.name
        guild.afk_channel_id = afk.id if afk else guild.afk_channel_id
        self.tell(guild, "GUILD_UPDATE", guild.properties)

    def guild_outage(self, guild: Server) -> None:
        guild.is_available = False
        self.tell(guild, "GUILD_DELETE", {"id": str(guild.id), "unavailable": True})

    def guild_back(self, guild: Server) -> None:
        guild.is_available = True
        self.tell(guild, "GUILD_CREATE", guild.whole)

    def make_channel(self, guild: Server, name: str, *, kind: int = VOICE) -> Room:
        room = Room(snowflake(), name, kind)
        guild.rooms[room.id] = room
        self.tell(guild, "CHANNEL_CREATE", room.told(guild.id))
        return room

    def rename_channel(self, guild: Server, room: Room, name: str) -> None:
        room.name = name
        self.tell(guild, "CHANNEL_UPDATE", room.told(guild.id))

    def delete_channel(self, guild: Server, room: Room) -> None:
        del guild.rooms[room.id]
        for one in [one for one in guild.presences.values() if one.room is room]:
            del guild.presences[one.person.id]
        self.tell(guild, "CHANNEL_DELETE", room.told(guild.id))

    # People

    def person(self, name: str, *, nick: str | None = None, is_bot: bool = False) -> Person:
        return Person(snowflake(), name, global_name=name.title(), nick=nick, is_bot=is_bot)

    def join(self, guild: Server, person: Person, room: Room, **flags: bool) -> Presence:
        """Enter voice anew, from another client if they were there already."""
        made = Presence(person, room, token_hex(16), flags)
        guild.presences[person.id] = made
        self._voice(guild, made)
        return made

    def move(self, guild: Server, person: Person, room: Room) -> None:
        presence = guild.presences[person.id]
        presence.room = room
        self._voice(guild, presence)

    def update(self, guild: Server, person: Person, **flags: bool) -> None:
        """Mute, deafen, stream …: flags by Discord's names."""
        presence = guild.presences[person.id]
        presence.flags.update(flags)
        self._voice(guild, presence)

    def leave(self, guild: Server, person: Person) -> None:
        gone = guild.presences.pop(person.id)
        self._voice(guild, gone, channel_id=None, member=person.member)

    def lose_socket(self, guild: Server, person: Person) -> None:
        """Leave without a word: Discord tells of it without the member."""
        gone = guild.presences.pop(person.id)
        self._voice(guild, gone, channel_id=None, member=None)

    def _voice(self, guild: Server, presence: Presence, **changed: Any) -> None:
        data = {
            "guild_id": str(guild.id),
            **presence.state,
            "member": presence.person.member,
            **changed,
        }
        told = {name: value for name, value in data.items() if (name, value) != ("member", None)}
        self.tell(guild, "VOICE_STATE_UPDATE", told)

    # Faults

    def drop_connections(self, code: int | None = None, *, bot: Bot | None = None) -> None:
        """Close with the code, or lose the sockets without one."""
        for one in self.gateway.conversations_of(bot.token if bot else None):
            one.end(code)

    def go_deaf(self) -> None:
        """Read nothing more on the sockets there are, not even that they are closed."""
        for one in self.gateway.conversations:
            one.transport.pause_reading()

    def ask_to_reconnect(self) -> None:
        for one in list(self.gateway.conversations):
            one.send(RECONNECT)

    def invalidate(self, *, resumable: bool) -> None:
        """Say to everybody that their session is invalid; it is forgotten unless resumable."""
        for one in list(self.gateway.conversations):
            if not resumable and one.session is not None:
                self.gateway.sessions.pop(one.session.id, None)
            one.send(INVALID_SESSION, data=resumable)

    def forget_sessions(self) -> None:
        """Nothing can be resumed any more."""
        self.gateway.sessions.clear()

    def refuse_gateway(self, code: int = 1000) -> None:
        """Accept each WebSocket and close it before HELLO, until `accept_gateway`."""
        self.rules.refuse_gateway = code

    def accept_gateway(self) -> None:
        self.rules.refuse_gateway = None

    def answer(self, path: str, *answers: Answer) -> None:
        """Answer the next requests of a REST path (``/users/@me``) in this way."""
        self.rules.answers.setdefault(path, []).extend(answers)

    def limit_rate(self, path: str, *, retry_after: float, is_global: bool = False) -> None:
        """Refuse the next request of the path with 429; in seconds."""
        body = {"message": "You are being rate limited.", "retry_after": retry_after}
        headers = {
            "Retry-After": str(retry_after),
            "X-RateLimit-Limit": "1",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset-After": str(retry_after),
            "Via": "1.1 google",  # without it discord.py takes the answer for a ban by a proxy
        }
        if is_global:
            headers["X-RateLimit-Global"] = "true"
        self.answer(path, Answer(429, {**body, "global": is_global}, headers))

    async def down(self) -> None:
        """Be gone: nothing listens on the port, and every socket is lost."""
        self.drop_connections()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def up(self) -> None:
        """Listen, on the same port as before."""
        application = web.Application()
        application.router.add_get("/gateway", self.gateway.take)
        application.router.add_get("/resume", self.gateway.take)
        application.router.add_get("/api/v10/{path:.*}", self.rest.take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    # Telling

    def tell(self, guild: Server, event: str, data: object) -> None:
        """Dispatch an event, as it is, to every bot in the guild."""
        self._dispatch(guild.tokens, event, data)

    def _dispatch(self, tokens: set[str], event: str, data: object) -> None:
        text = json.dumps(data)
        for session in self.gateway.sessions_of(tokens):
            session.tell(event, text)

    def _welcome(self, session: Session) -> None:
        bot = session.bot
        guilds = [one for one in self.guilds.values() if bot.token in one.tokens]
        ready = {
            "v": 10,
            "user": bot.person.user,
            "guilds": [{"id": str(one.id), "unavailable": True} for one in guilds],
            "session_id": session.id,
            "resume_gateway_url": f"ws://127.0.0.1:{self.port}/resume",
            "application": {"id": str(bot.id), "flags": 0},
        }
        session.tell("READY", json.dumps(ready))
        for one in guilds:
            if one.is_available:
                session.tell("GUILD_CREATE", json.dumps(one.whole))


@asynccontextmanager
async def discord_server() -> AsyncIterator[Discord]:
    """A running server on loopback."""
    made = Discord()
    await made.up()
    made.rest.port = made.port
    try:
        yield made
    finally:
        await made.down()
