"""The channel ``discord``: a message to the channel of a Discord server that a webhook leads to."""

import re
from math import isfinite
from typing import ClassVar, Final

import msgspec
from aiohttp import ClientResponse
from pydantic import Field, SecretStr

from notilog.config import Section
from notilog.notifications.channels import outbound
from notilog.notifications.channels.channel import Markup, Message, Recipient
from notilog.notifications.channels.http_answers import failures, judge

LENGTH: Final = 2000
# A URL stays as it is, for a backslash in it would lead elsewhere; marks elsewhere are escaped.
MARKS: Final = re.compile(r"(https?://[^\s\\*~`|<>\[\]()]+)|([\\*_~`|<>\[\]])")


class Config(Section):
    """The URL of an incoming webhook; without it the channel is not configured."""

    section: ClassVar[str] = "channels.discord"

    url: SecretStr = Field(SecretStr(""), description="https://discord.com/api/webhooks/…")
    allow_private: bool = Field(False, description="permit a target with a private address")
    timeout: float = Field(10.0, gt=0, le=20, description="seconds an answer may take")
    concurrency: int = Field(5, ge=1, le=100, description="requests at once")


class DiscordChannel:
    label: ClassVar[str] = "Discord"
    markup: ClassVar[Markup] = ""
    settings: ClassVar[type[Section]] = Config

    def __init__(self, config: Config) -> None:
        self._config = config
        self._http = outbound.Client(config)

    @property
    def concurrency(self) -> int:
        return self._config.concurrency

    @staticmethod
    def recipient(to: str) -> Recipient:
        return Recipient(login=to)

    def missing(self) -> tuple[str, ...]:
        return () if self._config.url.get_secret_value() else ("NOTILOG_CHANNELS__DISCORD__URL",)

    async def send(self, message: Message, to: Recipient) -> None:  # noqa: ARG002  one channel
        config = self._config
        secret = config.url.get_secret_value()
        url = outbound.target(secret, allow_private=config.allow_private)
        with failures(timeout=config.timeout):
            async with self._http.session().post(
                url.update_query(wait="true"), json=_body(message), allow_redirects=False
            ) as answer:
                content = await answer.read()
                judge(answer.status, answer.headers, retry_after=_pause(answer, content))

    async def close(self) -> None:
        await self._http.close()


def _body(message: Message) -> dict[str, object]:
    """Discord has no key against repetitions; the footer shows the delivery, the same each time."""
    text = f"**{_quiet(message.title)}**\n{_quiet(message.text)}"
    return {
        "content": _shortened(text),
        "embeds": [{"footer": {"text": str(message.id)}}],
        "allowed_mentions": {"parse": []},
    }


def _quiet(text: str) -> str:
    """Without the marks by which what a person typed would become markup."""
    return MARKS.sub(lambda found: found[1] or f"\\{found[2]}", text)


def _shortened(text: str) -> str:
    """Cut where it is too long, but not between a backslash and its mark."""
    return text if len(text) <= LENGTH else text[: LENGTH - 1].rstrip("\\") + "…"


def _pause(answer: ClientResponse, content: bytes) -> float | None:
    """Seconds that Discord asks for in the body, more exactly than in the header."""
    if answer.content_type != "application/json":
        return None
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None
    pause = body.get("retry_after") if isinstance(body, dict) else None
    if isinstance(pause, bool) or not isinstance(pause, int | float) or not isfinite(pause):
        return None
    return float(pause)
