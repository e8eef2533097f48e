"""The channels, one file each; their names are what reminders ask for."""

from notilog import config
from notilog.errors import NotFound
from notilog.notifications.channels.apprise import AppriseChannel
from notilog.notifications.channels.channel import Channel
from notilog.notifications.channels.discord_webhook import DiscordChannel
from notilog.notifications.channels.email import EmailChannel
from notilog.notifications.channels.kafka import KafkaChannel
from notilog.notifications.channels.log import LogChannel
from notilog.notifications.channels.slack import SlackChannel
from notilog.notifications.channels.sms import SmsChannel
from notilog.notifications.channels.telegram import TelegramChannel
from notilog.notifications.channels.webhook import WebhookChannel

CHANNELS: dict[str, type[Channel]] = {
    "log": LogChannel,
    "email": EmailChannel,
    "webhook": WebhookChannel,
    "slack": SlackChannel,
    "discord": DiscordChannel,
    "telegram": TelegramChannel,
    "sms": SmsChannel,
    "apprise": AppriseChannel,
    "kafka": KafkaChannel,
}


def open_channel(kind: str) -> Channel:
    """A channel with its current settings; close it after use.

    Raises:
        NotFound: there is no such channel.
    """
    if kind not in CHANNELS:
        raise NotFound(f"no channel {kind!r}; there are {', '.join(CHANNELS)}")
    return CHANNELS[kind](config.section(CHANNELS[kind].settings))


def is_configured(kind: str) -> bool:
    """Whether anything can be sent on this channel."""
    return not CHANNELS[kind](config.section(CHANNELS[kind].settings)).missing()
