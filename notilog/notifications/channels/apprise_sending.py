"""What the channels ``sms`` and ``apprise`` share: a message sent through a URL of Apprise.

Such a URL holds passwords, and Apprise tells the reason of a failure, often with parts of the
URL, to its log alone. So its log is read here, for the status of the refused HTTP request, and
goes no further.
"""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import ClassVar
from urllib.parse import quote

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat
from pydantic import ConfigDict, Field, SecretStr, field_validator

from notilog.config import Section
from notilog.errors import SendFailed
from notilog.notifications.channels.channel import Recipient
from notilog.notifications.channels.http_answers import REDIRECT, TOO_MANY, is_final

PLACE = re.compile(r"\{(\w*)\}")
# Apprise decodes parts of a URL twice, and puts some of them into addresses as they are: encoding
# alone does not keep a "/", "?" or "%" from changing where the message goes.
HARMLESS = re.compile(r"\w[\w.+@-]{0,253}")
PHONE = re.compile(r"\+?([1-9][0-9]{6,14})")
PUNCTUATION = re.compile(r"[ ().-]")
SAMPLE = {"login": "ann", "email": "ann@example.org", "phone": "15551234567"}
WORDS = {"login": "login", "email": "e-mail address", "phone": "phone number"}

STATUS = re.compile(r"\berror=(\d{3})\b")
ASSET = AppriseAsset(
    app_id="NotiLog",
    app_desc="NotiLog",
    app_url="",
    http_redirects=False,
    storage_mode="memory",
)

_refusals: ContextVar[list[int] | None] = ContextVar("refusals", default=None)


class AppriseConfig(Section):
    """A URL of Apprise; without it the channel is not configured."""

    model_config = ConfigDict(hide_input_in_errors=True)

    needed: ClassVar[frozenset[str]] = frozenset()

    url: SecretStr = Field(
        SecretStr(""),
        description="an Apprise URL; {login}, {email} and {phone} in it stand for the person's",
    )
    timeout: float = Field(10.0, gt=0, le=20, description="seconds the service may take to answer")
    concurrency: int = Field(10, ge=1, le=100, description="messages at once, each in a thread")

    @field_validator("url")
    @classmethod
    def _usable(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if not url:
            return value
        places = set(PLACE.findall(url))
        if not places <= SAMPLE.keys():
            raise ValueError("has braces around something else than login, email or phone")
        for name in cls.needed - places:
            raise ValueError(f"must have {{{name}}} where the {WORDS[name]} belongs")
        if {"login", "email"} & set(PLACE.findall(_host(url))):
            raise ValueError("has a person's login or e-mail address for a host")
        if _service(filled(url, SAMPLE)) is None:
            raise ValueError("is not a URL that Apprise knows how to use")
        return value


class ThroughApprise:
    """The part of a channel that is the same for every Apprise URL.

    Apprise blocks while it sends, so each message has a thread, of a pool that is the channel's
    own: a service that hangs takes no thread from anybody else. A thread whose message was given
    up ends when its socket does.
    """

    settings: ClassVar[type[Section]]

    def __init__(self, config: AppriseConfig) -> None:
        self._config = config
        self._threads = ThreadPoolExecutor(config.concurrency, thread_name_prefix="apprise")

    @property
    def concurrency(self) -> int:
        return self._config.concurrency

    def missing(self) -> tuple[str, ...]:
        if self._config.url.get_secret_value():
            return ()
        return (f"NOTILOG_{self.settings.section.replace('.', '__').upper()}__URL",)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _hand_over(self, to: Recipient, *, title: str, text: str) -> None:
        """Send to the URL that is the person's.

        Raises:
            SendFailed: the service refused, was silent or could not be reached; or the person has
                no address that the URL asks for.
        """
        url = self._config.url.get_secret_value()
        work = partial(
            _notified,
            filled(url, addresses(to, set(PLACE.findall(url)))),
            title=title,
            text=text,
            timeout=self._config.timeout,
        )
        try:
            async with asyncio.timeout(self._config.timeout):
                await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise SendFailed(f"no answer within {self._config.timeout:g} s") from error


def filled(url: str, values: Mapping[str, str]) -> str:
    """The URL with each ``{name}`` replaced by its value, which stays one part of the URL."""
    return PLACE.sub(lambda place: quote(values[place[1]], safe=""), url)


def addresses(to: Recipient, places: set[str]) -> dict[str, str]:
    """What of the person's the URL asks for, by the names in its braces.

    Raises:
        SendFailed: there is no such address, or it could change the URL around it.
    """
    all_of_them = {"login": to.login, "email": to.email, "phone": to.phone}
    found = {name: value or "" for name, value in all_of_them.items() if name in places}
    for name, value in found.items():
        if not value:
            raise SendFailed(f"{to.login} has no {WORDS[name]}", permanent=True)
        usable = PHONE.fullmatch(PUNCTUATION.sub("", value)) if name == "phone" else None
        if usable is not None:
            found[name] = usable[1]
        elif name == "phone" or HARMLESS.fullmatch(value) is None:
            raise SendFailed(f"{to.login}'s {WORDS[name]} is not usable", permanent=True)
    return found


def _notified(url: str, *, title: str, text: str, timeout: float) -> None:
    """Send, in a thread; raises SendFailed, which holds nothing of the URL."""
    refusals: list[int] = []
    before = _refusals.set(refusals)
    name = "Apprise"
    try:
        service = _usable(_service(url))
        name = str(service.service_name)
        service.socket_connect_timeout = service.socket_read_timeout = timeout
        accepted = service.notify(body=text, title=title, body_format=NotifyFormat.TEXT)
    except SendFailed:
        raise
    except Exception as error:  # noqa: BLE001  whatever a plugin raises may hold the URL
        raise SendFailed(f"{name}: {type(error).__name__}") from None
    finally:
        _refusals.reset(before)
    if not accepted:
        raise _refused(name, refusals)


def _refused(name: str, refusals: Sequence[int]) -> SendFailed:
    """The failure that the statuses tell of; none of them when there was no answer at all."""
    if not refusals or refusals[-1] < REDIRECT:
        return SendFailed(f"{name}: not accepted")
    return SendFailed(
        f"{name}: HTTP {refusals[-1]}",
        permanent=all(map(is_final, refusals)),
        throttled=TOO_MANY in refusals,
    )


def _service(url: str) -> NotifyBase | None:
    return Apprise.instantiate(url, asset=ASSET)


def _usable(service: NotifyBase | None) -> NotifyBase:
    if service is None:
        raise SendFailed("Apprise cannot use the URL that is set", permanent=True)
    return service


def _host(url: str) -> str:
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    return authority.rpartition("@")[2]


def _heard(record: logging.LogRecord) -> bool:
    """Keep the status of a refusal; let nothing pass.

    Only warnings tell of refusals: a line for debugging may quote the message itself.
    """
    refusals = _refusals.get()
    if refusals is not None and record.levelno >= logging.WARNING:
        refusals += map(int, STATUS.findall(record.getMessage())[-1:])
    return False


def _is_of_others(_record: logging.LogRecord) -> bool:
    return _refusals.get() is None


# On the loggers themselves: handlers and propagation are set anew when a process configures its
# log. What makes the requests for Apprise logs their addresses, with tokens in them.
logging.getLogger("apprise").addFilter(_heard)
for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_is_of_others)
