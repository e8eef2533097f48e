"""Which bot speaks for this installation, and how soon it is taken over from a dead worker."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from notilog import config
from notilog.config import Section
from notilog.notifications.channels.telegram import Config


class BotSettings(Section):
    """The bot of the channel telegram, which one worker at a time listens to."""

    section: ClassVar[str] = "bot"

    lease: float = Field(
        30.0,
        ge=2,
        le=300,
        description="seconds after which another worker listens when the one that did is dead",
    )


def token() -> str:
    """The bot's token; empty when the channel is not configured."""
    return config.section(Config).token.get_secret_value()


def bot_id() -> int | None:
    """The number of the bot, which its token begins with; None without a usable token."""
    number = token().partition(":")[0]
    return int(number) if number.isascii() and number.isdecimal() else None


def lease_length() -> timedelta:
    return timedelta(seconds=config.section(BotSettings).lease)
