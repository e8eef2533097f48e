"""A kind: who is in which voice channel of Discord, or of a server like it, and when."""

import asyncio
from datetime import datetime
from functools import cache
from time import monotonic
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, SecretStr

from notilog import clock, config
from notilog.errors import SendFailed
from notilog.notifications.channels import outbound
from notilog.notifications.limits import Limits
from notilog.observers.discord.connection import API_BASE
from notilog.observers.discord.hub import Hub
from notilog.observers.discord.identifying import Turns
from notilog.observers.failures import Permanent
from notilog.observers.kinds.kind import Kind, PublicUrl, Watch
from notilog.observers.settings import ObserversSettings
from notilog.observers.voice.choosing import Choice
from notilog.observers.voice.journal import Journal
from notilog.observers.voice.recorder import Recorder

MOST_IDS: Final = 1_000
KEPT_FOR: Final = 600.0
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
    api_base: PublicUrl = Field(
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
    recorder = _recorder(watch, loop)
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
        recorder.leave(clock.now())
        try:
            if not recording.done():
                await recorder.finish(within=LAST_WORDS)
        finally:
            recording.cancel()
            await asyncio.gather(recording, listening, return_exceptions=True)
            _keep(recorder, loop)


def _recorder(watch: Watch[DiscordVoice], loop: asyncio.AbstractEventLoop) -> "_Reporting":
    """That of the run before, with what waits to be written, if it has the same to record."""
    env = watch.env
    choice = Choice(frozenset(map(int, env.target_list)), frozenset(map(int, env.ignore_list)))
    kept = _kept(loop).pop(watch.observer_id, None)
    if kept is not None and kept.choice == choice:
        kept.report = watch.report
        return kept
    return _Reporting(watch, choice=choice, journal=_journal(loop))


def _keep(recorder: "_Reporting", loop: asyncio.AbstractEventLoop) -> None:
    """The database may be away for longer than the lease lasts: what was heard is not lost by that.

    When another has run it meanwhile, who knows better, the recorder drops what waits by itself.
    """
    kept, now = _kept(loop), monotonic()
    for observer_id, one in list(kept.items()):
        if now - one.kept_at > KEPT_FOR:
            del kept[observer_id]
    if recorder.waiting:
        recorder.kept_at = now
        kept[recorder.observer_id] = recorder


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
def _kept(_loop: asyncio.AbstractEventLoop) -> "dict[UUID, _Reporting]":
    """Recorders of runs that ended before everything was written."""
    return {}


@cache
def _journal(_loop: asyncio.AbstractEventLoop) -> Journal:
    return Journal()


class _Reporting(Recorder):
    """A recorder whose observer says meanwhile how it goes."""

    def __init__(self, watch: Watch[DiscordVoice], *, choice: Choice, journal: Journal) -> None:
        super().__init__(watch.observer_id, choice=choice, journal=journal)
        self.observer_id = watch.observer_id
        self.choice = choice
        self.report = watch.report
        self.kept_at = 0.0

    def connected(self, at: datetime) -> None:
        super().connected(at)
        self.report.running()

    def disconnected(self, at: datetime, *, reason: str) -> None:
        super().disconnected(at, reason=reason)
        self.report.reconnecting(reason)


KIND: Final = Kind("Voice channels of Discord", DiscordVoice, observe, secrets_go_to=("api_base",))
