"""A kind: who is in which voice channel of Discord, or of a server like it, and when."""

import asyncio
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, SecretStr

from notilog import clock, config
from notilog.errors import SendFailed
from notilog.notifications.channels import outbound
from notilog.notifications.limits import Limits
from notilog.observers.discord.connection import API_BASE
from notilog.observers.discord.hub import Hub
from notilog.observers.discord.identifying import Turns
from notilog.observers.failures import Permanent
from notilog.observers.kinds.kind import Kind, Watch
from notilog.observers.settings import ObserversSettings
from notilog.observers.voice.choosing import Choice
from notilog.observers.voice.journal import Journal
from notilog.observers.voice.recorder import Recorder

MOST_IDS: Final = 10_000
LAST_WORDS: Final = 0.5
"""Seconds that what was heard gets to be written when the observer is ended."""


def _as_text(given: Any) -> Any:
    """JSON's numbers are too short for a snowflake in some languages, so both are taken."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


Snowflake = Annotated[
    str, BeforeValidator(_as_text), Field(pattern="^[0-9]{1,20}$", examples=["197038439483310086"])
]
Ids = Annotated[list[Snowflake], Field(max_length=MOST_IDS)]


class DiscordVoice(BaseModel):
    """Which bot listens, and whom it watches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = Field(min_length=1, max_length=200, description="of the bot")
    target_list: Ids = Field(
        default=[], description="guilds, channels or members that are watched; without any, all"
    )
    ignore_list: Ids = Field(
        default=[], description="guilds, channels or members that are not, whatever the targets"
    )
    api_base: HttpUrl = Field(
        HttpUrl(API_BASE), description="the REST API of a server that speaks Discord's protocol"
    )


async def observe(watch: Watch[DiscordVoice]) -> None:
    """Record what the bot hears of voice channels.

    Raises:
        Permanent: the token is wrong, or the bot may not what it must.
        Temporary: the connection failed.
        Fenced: another runs this by now.
    """
    env = watch.env
    api_base = str(env.api_base)
    _refuse_private(api_base)
    loop = asyncio.get_running_loop()
    choice = Choice(frozenset(map(int, env.target_list)), frozenset(map(int, env.ignore_list)))
    recorder = _Reporting(watch, choice=choice, journal=_journal(loop))
    token = env.token.get_secret_value()
    recording = asyncio.create_task(recorder.run(watch.lease))
    listening = asyncio.create_task(_hub(loop).listen(token, recorder, api_base=api_base))
    try:
        await asyncio.wait({recording, listening}, return_when=asyncio.FIRST_COMPLETED)
        for ended in (recording, listening):
            if ended.done():
                ended.result()
    finally:
        listening.cancel()
        if not recording.done():
            await recorder.finish(clock.now(), within=LAST_WORDS)
        recording.cancel()
        await asyncio.gather(recording, listening, return_exceptions=True)


def _refuse_private(api_base: str) -> None:
    allow_private = config.section(ObserversSettings).allow_private
    try:
        outbound.target(api_base, allow_private=allow_private)
    except SendFailed as error:
        raise Permanent(str(error)) from None


@cache
def _hub(_loop: asyncio.AbstractEventLoop) -> Hub:
    """One for all observers of the process."""
    secret = config.current().core.secret_key.get_secret_value()
    allow_private = config.section(ObserversSettings).allow_private
    return Hub(identify_turn=Turns(Limits()), secret=secret, allow_private=allow_private)


@cache
def _journal(_loop: asyncio.AbstractEventLoop) -> Journal:
    return Journal()


class _Reporting(Recorder):
    """A recorder whose observer says meanwhile how it goes."""

    def __init__(self, watch: Watch[DiscordVoice], *, choice: Choice, journal: Journal) -> None:
        super().__init__(watch.observer_id, choice=choice, journal=journal)
        self._report = watch.report

    def connected(self, at: datetime) -> None:
        super().connected(at)
        self._report.running()

    def disconnected(self, at: datetime, *, reason: str) -> None:
        super().disconnected(at, reason=reason)
        self._report.reconnecting(reason)


KIND: Final = Kind("Voice channels of Discord", DiscordVoice, observe)
