"""The channel ``email``: SMTP, with connections that carry many messages each."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from ssl import SSLContext, create_default_context
from typing import ClassVar, Literal

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from pydantic import Field, SecretStr, field_validator

from notilog import clock
from notilog.config import Section
from notilog.errors import SendFailed
from notilog.notifications.channels.channel import Markup, Message, Recipient
from notilog.notifications.channels.mime import composed, encoded_words

# What may stand between the angle brackets of MAIL FROM and RCPT TO without being a command.
ADDRESS = re.compile(
    r"[!#-'*+\-/-9=?A-Z^-~.]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)
MAILBOX = re.compile(
    rf'(?P<name>[^<>"\\\x00-\x1f\x7f]*)<(?P<named>{ADDRESS.pattern})>|(?P<bare>{ADDRESS.pattern})'
)
# A name that may stand in a header as it is.
ATOMS = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+")
ACCEPTED = (250, 251)
CLOSING = 421
PERMANENT = 500
QUIT_TIMEOUT = 1.0


class Config(Section):
    """An SMTP server; without ``host`` the channel is not configured."""

    section: ClassVar[str] = "channels.email"

    host: str = Field("", description="name of the SMTP server")
    port: int = Field(25, ge=1, le=65535)
    from_address: str = Field(
        "notilog@localhost", alias="from", description="address, or name <address>"
    )
    username: str = ""
    password: SecretStr = SecretStr("")
    tls: Literal["none", "starttls", "tls"] = Field(
        "starttls", description="starttls and tls refuse a server whose certificate is not valid"
    )
    ca_file: str = Field("", description="certificates to trust instead of the system's")
    timeout: float = Field(10.0, gt=0, le=20, description="seconds the server may take to answer")
    concurrency: int = Field(20, ge=1, le=200, description="connections at once")

    @field_validator("from_address")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        if MAILBOX.fullmatch(value) is None:
            raise ValueError("must be an e-mail address, or a name and an address in <>")
        return value

    @property
    def envelope_from(self) -> str:
        """The address alone, as MAIL FROM has it."""
        found = MAILBOX.fullmatch(self.from_address)
        return (found and (found["named"] or found["bare"])) or ""

    @property
    def header_from(self) -> str:
        """Name and address as the header From has them."""
        name = self.from_address.partition("<")[0].strip() if "<" in self.from_address else ""
        if not name:
            return self.envelope_from
        return f"{name if ATOMS.fullmatch(name) else encoded_words(name)} <{self.envelope_from}>"


class EmailChannel:
    label: ClassVar[str] = "E-mail"
    markup: ClassVar[Markup] = "html"
    settings: ClassVar[type[Section]] = Config

    def __init__(self, config: Config) -> None:
        self._config = config
        self._from = config.header_from
        self._sender = config.envelope_from
        self._host = self._sender.rpartition("@")[2]
        self._idle: list[SMTP] = []

    @property
    def concurrency(self) -> int:
        return self._config.concurrency

    @staticmethod
    def recipient(to: str) -> Recipient:
        return Recipient(login=to, email=to)

    def missing(self) -> tuple[str, ...]:
        return () if self._config.host else ("NOTILOG_CHANNELS__EMAIL__HOST",)

    async def send(self, message: Message, to: Recipient) -> None:
        address = _checked(to)
        raw = composed(
            message,
            sender=self._from,
            to=address,
            host=self._host,
            date=clock.now(),
        )
        try:
            client = await self._begin()
            await self._finish(client, address, raw)
        except SMTPResponseException as error:
            raise _refused(error) from error
        except (SMTPException, OSError, TimeoutError) as error:
            raise SendFailed(f"SMTP: {_reason(error)}") from error

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*map(_quit, idle))

    async def _begin(self) -> SMTP:
        """A connection that has accepted MAIL FROM.

        A kept one may have been closed by the server meanwhile, or be told now that it has
        carried enough: nothing was sent on it yet, so another one is taken.
        """
        while self._idle:
            client = self._idle.pop()
            try:
                with _closed_on_error(client):
                    await _command(client, b"MAIL", f"FROM:<{self._sender}>")
            except (SMTPServerDisconnected, SMTPResponseException) as error:
                if getattr(error, "code", CLOSING) != CLOSING:
                    raise
            else:
                return client
        client = self._client()
        with _closed_on_error(client):
            await client.connect()
            await client.mail(self._sender)
        return client

    async def _finish(self, client: SMTP, address: str, raw: bytes) -> None:
        refusal: SMTPResponseException | None = None
        with _closed_on_error(client):
            try:
                await _command(client, b"RCPT", f"TO:<{address}>")
                await client.data(raw)
            except SMTPResponseException as error:
                if error.code == CLOSING:
                    raise
                await client.rset()
                refusal = error  # of this address or message; the server is well
        self._idle.append(client)
        if refusal is not None:
            raise _refused(refusal, personal=True) from refusal

    def _client(self) -> SMTP:
        config = self._config
        return SMTP(
            hostname=config.host,
            port=config.port,
            username=config.username or None,
            password=config.password.get_secret_value() or None,
            use_tls=config.tls == "tls",
            start_tls=config.tls == "starttls",
            tls_context=None if config.tls == "none" else self._tls,
            timeout=config.timeout,
        )

    @cached_property
    def _tls(self) -> SSLContext:
        return create_default_context(cafile=self._config.ca_file or None)


async def _quit(client: SMTP) -> None:
    try:
        await client.quit(timeout=QUIT_TIMEOUT)
    except (SMTPException, OSError, TimeoutError):
        client.close()


async def _command(client: SMTP, verb: bytes, argument: str) -> None:
    """A command that must be accepted.

    The methods of aiosmtplib parse the address each time, which takes longer than all the rest;
    ours were checked already.
    """
    answer = await client.execute_command(verb, argument.encode("ascii"))
    if answer.code not in ACCEPTED:
        raise SMTPResponseException(answer.code, answer.message)


@contextmanager
def _closed_on_error(client: SMTP) -> Iterator[None]:
    """A connection on which a step failed or was cancelled is not used again."""
    try:
        yield
    except BaseException:
        client.close()
        raise


def _checked(to: Recipient) -> str:
    if not to.email:
        raise SendFailed(f"{to.login} has no e-mail address", permanent=True)
    try:
        local, _, domain = to.email.rpartition("@")
        address = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        address = ""
    if ADDRESS.fullmatch(address) is None:
        raise SendFailed(f"{to.login}'s e-mail address is not usable", permanent=True)
    return address


def _refused(error: SMTPResponseException, *, personal: bool = False) -> SendFailed:
    # A wrong password is put right in the settings; the message itself is good.
    permanent = error.code >= PERMANENT and not isinstance(error, SMTPAuthenticationError)
    return SendFailed(f"SMTP {error.code}: {error.message}", permanent=permanent, personal=personal)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
