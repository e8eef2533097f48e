"""The channel ``webhook``: a POST that is signed as Standard Webhooks asks."""

from base64 import b64decode
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator
from standardwebhooks import Webhook

from notilog import clock
from notilog.config import Section
from notilog.notifications.channels import outbound
from notilog.notifications.channels.channel import Markup, Message, Recipient
from notilog.notifications.channels.http_answers import failures, judge
from notilog.notifications.channels.record import record

MINIMAL_SECRET = 16


class Config(Section):
    """Where to POST; without ``url`` and ``secret`` the channel is not configured."""

    section: ClassVar[str] = "channels.webhook"

    url: SecretStr = Field(SecretStr(""), description="http or https; it may hold a password")
    secret: SecretStr = Field(
        SecretStr(""), description="base64, with or without whsec_; signs every request"
    )
    allow_private: bool = Field(False, description="permit targets with private addresses")
    timeout: float = Field(10.0, gt=0, le=20, description="seconds an answer may take")
    concurrency: int = Field(50, ge=1, le=1000, description="requests at once")

    @field_validator("secret")
    @classmethod
    def _base64(cls, value: SecretStr) -> SecretStr:
        encoded = value.get_secret_value().removeprefix("whsec_")
        padded = encoded + "=" * (-len(encoded) % 4)
        if encoded and len(b64decode(padded, validate=True)) < MINIMAL_SECRET:
            raise ValueError(f"must hold at least {MINIMAL_SECRET} bytes")
        return value


class WebhookChannel:
    label: ClassVar[str] = "Webhook"
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
        return Recipient(login="test", url=to)

    def missing(self) -> tuple[str, ...]:
        return tuple(
            f"NOTILOG_CHANNELS__WEBHOOK__{name}"
            for name, value in (("URL", self._config.url), ("SECRET", self._config.secret))
            if not value.get_secret_value()
        )

    async def send(self, message: Message, to: Recipient) -> None:
        config = self._config
        url = outbound.target(
            to.url or config.url.get_secret_value(), allow_private=config.allow_private
        )
        body = record(message, to)
        with failures(timeout=config.timeout):
            async with self._http.session().post(
                url, data=body, headers=self._headers(message, body), allow_redirects=False
            ) as answer:
                await answer.read()  # so that its connection can carry the next request
                judge(answer.status, answer.headers)

    async def close(self) -> None:
        await self._http.close()

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        now = clock.now()
        signature = Webhook(self._config.secret.get_secret_value()).sign(
            str(message.id), now, body.decode()
        )
        return {
            "Content-Type": "application/json",
            "User-Agent": "NotiLog",
            "Idempotency-Key": str(message.id),
            "webhook-id": str(message.id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
