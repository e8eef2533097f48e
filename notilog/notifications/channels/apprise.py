"""The channel ``apprise``: any of the services that a URL of Apprise can name."""

from typing import ClassVar

from notilog.config import Section
from notilog.notifications.channels.apprise_sending import AppriseConfig, ThroughApprise
from notilog.notifications.channels.channel import Markup, Message, Recipient


class Config(AppriseConfig):
    """A service; its URL may ask for the person's ``{login}``, ``{email}`` or ``{phone}``."""

    section: ClassVar[str] = "channels.apprise"


class AppriseChannel(ThroughApprise):
    label: ClassVar[str] = "Apprise"
    markup: ClassVar[Markup] = ""
    settings: ClassVar[type[Section]] = Config

    @staticmethod
    def recipient(to: str) -> Recipient:
        """Whichever address the URL asks for; never a URL itself, that is only in the settings."""
        return Recipient(login=to, email=to, phone=to)

    async def send(self, message: Message, to: Recipient) -> None:
        await self._hand_over(to, title=message.title, text=message.text)
