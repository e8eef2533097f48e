"""A real SMTP server that remembers what arrived, when, and for whom."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.rabbitmq import free_port


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as it arrived; ``arrived`` is in seconds since the epoch."""

    arrived: float
    recipients: tuple[str, ...]
    message: Message

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])


@dataclass(slots=True)
class Mailbox:
    """What has arrived so far."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def handle_DATA(  # noqa: N802  the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = Mail(
            time.time(),
            tuple(envelope.rcpt_tos),
            message_from_bytes(content, policy=default),
        )
        with self.lock:
            self.mails.append(mail)
        return "250 OK"

    def arrived(self) -> list[Mail]:
        with self.lock:
            return list(self.mails)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox(port=free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
