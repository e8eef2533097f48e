"""How a message fits into one of Telegram's."""

import re
from html import unescape
from typing import Final

from notilog.notifications.channels.channel import Message

LONGEST: Final = 4096
ELLIPSIS: Final = "…"
_TAG = re.compile(r"<[^>]*>")


def fitting(message: Message) -> tuple[str, bool]:
    """What to send, and whether it is in Telegram's HTML: its markup cannot be cut."""
    if message.html and units(unescape(_TAG.sub("", message.html))) <= LONGEST:
        return message.html, True
    return plain(message), False


def plain(message: Message) -> str:
    """The text without markup, as much of it as Telegram takes."""
    text = message.text.strip() or message.title
    if units(text) <= LONGEST:
        return text
    fitting_part = text.encode("utf-16-le", "surrogatepass")[: (LONGEST - len(ELLIPSIS)) * 2]
    # The cut may have gone through a pair: the half that is left is no character.
    return fitting_part.decode("utf-16-le", "ignore").rstrip() + ELLIPSIS


def units(text: str) -> int:
    """Length as Telegram counts it: what is outside the basic plane takes two units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
