"""What every channel is given and what it must offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol
from uuid import UUID

from notilog.config import Section


@dataclass(frozen=True, slots=True)
class Calendar:
    """An invitation or its withdrawal for programs: iCalendar text and its METHOD."""

    method: Literal["PUBLISH", "REQUEST", "CANCEL"]
    text: str


Markup = Literal["", "html", "telegram"]
Action = Literal["yes", "maybe", "no", "snooze_10m", "snooze_1h"]


@dataclass(frozen=True, slots=True)
class Message:
    """A text ready to be sent; ``id`` is the delivery's, the same at every attempt.

    Channels put the id where the receiver can see a repetition: Message-ID, Idempotency-Key.
    ``html`` is in the markup that the channel asks for, and empty for one that takes plain text;
    ``actions`` are the answers to offer, on a channel that has buttons. ``data`` is for programs
    that receive it, ``calendar`` for those that keep a calendar; the rest is for people.
    """

    id: UUID
    kind: str
    title: str
    text: str
    html: str
    language: str
    due_at: datetime
    data: Mapping[str, Any]
    calendar: Calendar | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, with every address they have; a channel takes the one that is its own."""

    login: str
    email: str | None = None
    phone: str | None = None
    telegram_chat_id: str | None = None
    slack_webhook: str | None = None
    url: str | None = None


class Channel(Protocol):
    """A way to reach a person. One object serves many messages at once, then is closed."""

    label: ClassVar[str]
    markup: ClassVar[Markup]
    settings: ClassVar[type[Section]]

    def __init__(self, config: Any) -> None: ...

    @property
    def concurrency(self) -> int:
        """How many messages may be on their way at once."""
        ...

    @staticmethod
    def recipient(to: str) -> Recipient:
        """Whom the address of a test message means."""
        ...

    def missing(self) -> tuple[str, ...]:
        """Settings without which nothing can be sent; empty when the channel is configured."""
        ...

    async def send(self, message: Message, to: Recipient) -> None:
        """Hand the message over.

        Raises:
            SendFailed: it was not accepted; ``permanent`` when trying again cannot help.
            Postponed: the limits of the channel leave no room for it yet.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
