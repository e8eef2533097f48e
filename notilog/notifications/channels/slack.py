"""The channel ``slack``: a person's own incoming webhook, or a bot that posts to a channel.

Slack has no key against repetitions. The delivery's id is the ``block_id`` of a webhook's message,
and in the metadata of a bot's, so that a program can see that it got one twice.
"""

import logging
import re
from typing import Any, ClassVar, Final

from pydantic import Field, SecretStr, field_validator
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from notilog.config import Section
from notilog.errors import SendFailed
from notilog.notifications.channels import outbound
from notilog.notifications.channels.channel import Markup, Message, Recipient
from notilog.notifications.channels.http_answers import failures, judge

LENGTH: Final = 2900
"""A section of a message holds 3,000 characters."""
LIMITED: Final = frozenset({"ratelimited", "rate_limited"})
# Put right in the settings, or by themselves; the message is good.
TEMPORARY: Final = LIMITED | {
    *("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"),
    *("internal_error", "fatal_error", "service_unavailable", "request_timeout"),
}
# The SDK writes URLs and headers to its logger; they are secrets.
_silent = logging.getLogger("notilog.slack_sdk")
_silent.setLevel(logging.CRITICAL)
_silent.propagate = False


class Config(Section):
    """A bot; people with an incoming webhook of their own need none of it."""

    section: ClassVar[str] = "channels.slack"

    token: SecretStr = Field(SecretStr(""), description="xoxb-… of a bot, for those without one")
    channel: str = Field("", description="id or #name of the channel that the bot posts to")
    base_url: str = Field("https://slack.com/api/", description="where the Web API is")
    allow_private: bool = Field(False, description="permit webhooks with private addresses")
    timeout: int = Field(10, ge=1, le=20, description="seconds an answer may take")
    concurrency: int = Field(10, ge=1, le=200, description="requests at once")

    @field_validator("token")
    @classmethod
    def _for_a_header(cls, value: SecretStr) -> SecretStr:
        if not all("!" <= char <= "~" for char in value.get_secret_value()):
            raise ValueError("must be ASCII without spaces or line ends")
        return value


class SlackChannel:
    label: ClassVar[str] = "Slack"
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
        return Recipient(login="test", slack_webhook=to if "://" in to else None)

    def missing(self) -> tuple[str, ...]:
        return ()

    async def send(self, message: Message, to: Recipient) -> None:
        config = self._config
        if to.slack_webhook:
            try:
                await self._to_webhook(message, to.slack_webhook)
            except SendFailed as failure:
                failure.personal = True
                raise
        elif config.token.get_secret_value() and config.channel:
            await self._as_bot(message)
        else:
            raise SendFailed(
                f"{to.login} has no Slack webhook, and NOTILOG_CHANNELS__SLACK__TOKEN and "
                "NOTILOG_CHANNELS__SLACK__CHANNEL are not set",
                permanent=True,
            )

    async def close(self) -> None:
        await self._http.close()

    async def _to_webhook(self, message: Message, url: str) -> None:
        config = self._config
        outbound.target(url, allow_private=config.allow_private)
        client = AsyncWebhookClient(
            url,
            timeout=config.timeout,
            session=self._http.session(),
            logger=_silent,
            retry_handlers=[],
        )
        _without_proxy(client)
        try:
            with failures(timeout=config.timeout):
                answer = await client.send(
                    text=_escaped(message.title),
                    blocks=_blocks(message),
                    unfurl_links=False,
                    unfurl_media=False,
                )
        except ValueError:  # the SDK decodes whatever came
            raise SendFailed("Slack: an answer that cannot be read") from None
        judge(answer.status_code, answer.headers)

    async def _as_bot(self, message: Message) -> None:
        config = self._config
        outbound.target(config.base_url, allow_private=config.allow_private)
        client = AsyncWebClient(
            config.token.get_secret_value(),
            base_url=config.base_url,
            timeout=config.timeout,
            session=self._http.session(),
            logger=_silent,
            retry_handlers=[],
        )
        _without_proxy(client)
        try:
            with failures(timeout=config.timeout):
                await client.chat_postMessage(
                    channel=config.channel,
                    text=_escaped(message.title),
                    blocks=_blocks(message),
                    unfurl_links=False,
                    unfurl_media=False,
                    metadata={
                        "event_type": "notilog_delivery",
                        "event_payload": {"id": str(message.id)},
                    },
                )
        except SlackApiError as error:
            raise _refused(error) from None
        except SlackClientError as error:
            raise SendFailed(f"Slack: {type(error).__name__}") from None
        except (AttributeError, ValueError):  # the SDK takes whatever came for an object
            raise SendFailed("Slack: an answer that cannot be read") from None


def _without_proxy(client: AsyncWebhookClient | AsyncWebClient) -> None:
    """The SDK asks the environment for one, which would resolve names where we cannot judge."""
    client.proxy = None


def _blocks(message: Message) -> list[dict[str, Any]]:
    text = f"*{_escaped(message.title)}*\n{_escaped(message.text)}"
    section = {"type": "mrkdwn", "text": _shortened(text), "verbatim": True}
    return [{"type": "section", "block_id": str(message.id), "text": section}]


def _shortened(text: str) -> str:
    """Cut where it is too long, but not within an escaped character."""
    if len(text) <= LENGTH:
        return text
    return re.sub(r"&[a-z]*\Z", "", text[:LENGTH]) + "…"


def _escaped(text: str) -> str:
    """What a person typed pings nobody and leads nowhere."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _refused(error: SlackApiError) -> SendFailed:
    response = error.response
    if not isinstance(response, AsyncSlackResponse):  # the SDK could not read it
        return SendFailed("Slack: an answer that is not JSON")
    body = response.data if isinstance(response.data, dict) else {}
    reason = str(body.get("error", f"HTTP {response.status_code}"))[:100]
    try:
        judge(response.status_code, response.headers)
    except SendFailed as failure:
        if not failure.permanent:
            return failure
    return SendFailed(
        f"Slack: {reason}", permanent=reason not in TEMPORARY, throttled=reason in LIMITED
    )
