"""The channel ``log``: a line in the log of the worker, for when nothing else is set up."""

from typing import ClassVar

import structlog
from pydantic import Field

from notilog.config import Section
from notilog.notifications.channels.channel import Markup, Message, Recipient

log = structlog.get_logger(__name__)


class Config(Section):
    section: ClassVar[str] = "channels.log"

    concurrency: int = Field(100, ge=1, le=1000, description="messages at once")


class LogChannel:
    label: ClassVar[str] = "Log line"
    markup: ClassVar[Markup] = ""
    settings: ClassVar[type[Section]] = Config

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def concurrency(self) -> int:
        return self._config.concurrency

    @staticmethod
    def recipient(to: str) -> Recipient:
        return Recipient(login=to)

    def missing(self) -> tuple[str, ...]:
        return ()

    async def send(self, message: Message, to: Recipient) -> None:
        log.info(
            "message_delivered",
            delivery_id=str(message.id),
            kind=message.kind,
            to=to.login,
            title=message.title,
            text=message.text,
        )

    async def close(self) -> None:
        """Nothing is held."""
