"""The channel ``sms``: a short text through the Apprise URL of an SMS gateway."""

from typing import ClassVar

from pydantic import Field, SecretStr

from notilog.config import Section
from notilog.notifications.channels.apprise_sending import AppriseConfig, ThroughApprise
from notilog.notifications.channels.channel import Markup, Message, Recipient

# Two parts in the alphabet of SMS, five in Cyrillic: what a person still reads, and pays for.
LONGEST = 300


class Config(AppriseConfig):
    """A gateway; ``{phone}`` in its URL stands for the digits of the person's number."""

    section: ClassVar[str] = "channels.sms"
    needed: ClassVar[frozenset[str]] = frozenset({"phone"})

    url: SecretStr = Field(
        SecretStr(""), description="Apprise URL of a gateway, with {phone} for the person's number"
    )


class SmsChannel(ThroughApprise):
    label: ClassVar[str] = "SMS"
    markup: ClassVar[Markup] = ""
    settings: ClassVar[type[Section]] = Config

    @staticmethod
    def recipient(to: str) -> Recipient:
        return Recipient(login="test", phone=to)

    async def send(self, message: Message, to: Recipient) -> None:
        text = message.text.strip()  # it begins with the name, so the title would only repeat it
        if len(text) > LONGEST:
            text = text[: LONGEST - 1].rstrip() + "…"
        await self._hand_over(to, title="", text=text)
