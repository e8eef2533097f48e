"""A mail server: aiosmtpd, which takes the mail, or does what a test tells it to do instead."""

# ruff: noqa: ARG002, N802  aiosmtpd calls by these names, with these arguments

import asyncio
import email
import email.policy
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from ssl import SSLContext
from typing import Any
from weakref import WeakKeyDictionary

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

ACCEPTED = "250 OK"


@dataclass
class Mailbox:
    """What arrived, and what the server is told to answer."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    connections: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    """Answers to the next DATA for an address, in order; afterwards mail is accepted."""
    rejected: set[str] = field(default_factory=set)
    """Addresses refused at RCPT."""
    hanging: bool = False
    """While True, MAIL is not answered."""
    closing_after: int | None = None
    """Mails on one connection, before the server closes it."""

    @property
    def recipients(self) -> list[str]:
        return [str(mail["To"]) for mail in self.mails]

    @property
    def ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]


class Handler:
    """aiosmtpd calls these by their names."""

    def __init__(self, box: Mailbox) -> None:
        self._box = box
        self._carried: WeakKeyDictionary[Session, int] = WeakKeyDictionary()

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self._box.connections += 1
        return answers

    async def handle_MAIL(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if self._box.hanging:
            await asyncio.get_running_loop().create_future()
        envelope.mail_from = address
        return ACCEPTED

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if address in self._box.rejected:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return ACCEPTED

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answers = self._box.answers.get(envelope.rcpt_tos[0])
        if answers:
            return answers.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        mail = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self._box.mails.append(mail)
        self._carried[session] = self._carried.get(session, 0) + 1
        if self._carried[session] == self._box.closing_after:
            assert server.transport is not None
            asyncio.get_running_loop().call_soon(server.transport.close)
        return ACCEPTED


@asynccontextmanager
async def mail_server(
    *,
    port: int = 0,
    tls: SSLContext | None = None,
    starttls: SSLContext | None = None,
    login: tuple[str, str] | None = None,
) -> AsyncIterator[Mailbox]:
    """A server on loopback, on the running loop; with ``login``, nobody else may send."""
    box = Mailbox()
    loop = asyncio.get_running_loop()
    sessions: list[SMTP] = []

    def check(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login.decode(), data.password.decode()) == login)

    def session() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # TLS from the start is not seen as TLS
            made = SMTP(
                Handler(box),
                loop=loop,
                hostname="localhost",
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_required=login is not None,
                auth_require_tls=starttls is not None,
                authenticator=check if login else None,
            )
        sessions.append(made)
        return made

    server = await loop.create_server(session, "127.0.0.1", port, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for one in sessions:
            if one.transport is not None:
                one.transport.close()
        await server.wait_closed()
