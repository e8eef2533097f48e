"""A kind: asks a URL at an interval and writes down how it answers, as log records.

A record says the status, the milliseconds, and for how many days the certificate is still valid.
Its level is ``info`` when all is well, ``warning`` for a certificate that ends soon, and ``error``
when the answer is wrong or there is none.
"""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from time import perf_counter
from typing import Annotated, Any, Final, Literal

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.connector import Connection
from pydantic import BaseModel, ConfigDict, Field

from notilog import clock, config
from notilog.errors import SendFailed
from notilog.logs.own import OwnRecord, write
from notilog.logs.record import NAME_LENGTH
from notilog.notifications.channels import outbound
from notilog.observers.failures import Permanent
from notilog.observers.kinds.kind import Kind, PublicUrl, Watch
from notilog.observers.measures import EVENTS
from notilog.observers.settings import ObserversSettings

PROJECT: Final = "observers"
MODULE: Final = "http_probe"
_DAY: Final = 24 * 3600
_RIGHT: Final = range(200, 400)

Status = Annotated[int, Field(ge=100, le=599)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]


class HttpProbe(BaseModel):
    """What to ask, how often, and what answer is right."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: PublicUrl = Field(description="what to ask", examples=["https://example.org/health"])
    method: Literal["GET", "HEAD"] = "GET"
    interval: float = Field(60.0, ge=1, le=86_400, description="seconds from one to the next")
    timeout: float = Field(10.0, gt=0, le=300, description="seconds that an answer may take")
    expect: list[Status] = Field(
        default=[], max_length=20, description="statuses that are right; without any, 200 to 399"
    )
    certificate_days: int = Field(
        14, ge=0, le=365, description="warn when the certificate ends in fewer days"
    )
    project: Name = Field(PROJECT, description="of the records")
    module: Name = Field(MODULE, description="of the records")


@dataclass(frozen=True, slots=True)
class Answer:
    """How the URL answered: a status, or why there is none."""

    milliseconds: float
    status: int | None = None
    failure: str | None = None
    certificate_days: float | None = None


async def observe(watch: Watch[HttpProbe]) -> None:
    """Ask again and again.

    Raises:
        Permanent: the URL leads to a private address, which the settings do not permit.
        Fenced: another runs this by now.
    """
    env = watch.env
    allow_private = config.section(ObserversSettings).allow_private
    try:
        outbound.target(str(env.url), allow_private=allow_private)
    except SendFailed as error:
        raise Permanent(str(error)) from None
    async with _session(env, allow_private=allow_private) as session:
        watch.report.running()
        while True:
            begun = perf_counter()
            answer = await _asked(session, env)
            await write(
                [_record(watch, answer)],
                lease=watch.lease,
                now=clock.now(),
            )
            EVENTS.add("written")
            await asyncio.sleep(max(0.0, env.interval - (perf_counter() - begun)))


def _session(env: HttpProbe, *, allow_private: bool) -> ClientSession:
    return ClientSession(
        # A connection of its own each time: a probe also sees whether one can be made.
        connector=TCPConnector(
            force_close=True,
            resolver=None if allow_private else outbound.PublicResolver(),
            ssl=trusting(),
        ),
        timeout=ClientTimeout(total=env.timeout),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        response_class=_Certified,
    )


@cache
def trusting() -> ssl.SSLContext:
    """One for all: each would hold every authority's certificate."""
    return ssl.create_default_context()


async def _asked(session: ClientSession, env: HttpProbe) -> Answer:
    begun = perf_counter()
    try:
        async with session.request(env.method, str(env.url), allow_redirects=False) as response:
            days = _certificate_days(response)
            return Answer(_since(begun), response.status, certificate_days=days)
    except TimeoutError:
        return Answer(_since(begun), failure=f"no answer within {env.timeout:g} s")
    except (ClientError, SendFailed, OSError) as error:
        return Answer(_since(begun), failure=str(error) or type(error).__name__)


def _since(begun: float) -> float:
    return round((perf_counter() - begun) * 1000, 1)


class _Certified(ClientResponse):
    """A response that knows the certificate: an empty one lets go of its connection at once."""

    ends: str | None = None

    async def start(self, connection: Connection) -> ClientResponse:
        transport = connection.transport
        certificate = transport.get_extra_info("peercert") if transport is not None else None
        self.ends = (certificate or {}).get("notAfter")
        return await super().start(connection)


def _certificate_days(response: ClientResponse) -> float | None:
    """For how many days the server's certificate is still valid; None without one."""
    ends = response.ends if isinstance(response, _Certified) else None
    if ends is None:
        return None
    left = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) - clock.now()
    return round(left.total_seconds() / _DAY, 2)


def _record(watch: Watch[HttpProbe], answer: Answer) -> OwnRecord:
    env = watch.env
    level, said = _judged(env, answer)
    attrs: dict[str, Any] = {
        "observer": str(watch.observer_id),
        "url": str(env.url),
        "milliseconds": answer.milliseconds,
    }
    if answer.status is not None:
        attrs["status"] = answer.status
    if answer.certificate_days is not None:
        attrs["certificate_days"] = answer.certificate_days
    return OwnRecord(
        level=level,
        project=env.project,
        module=env.module,
        message=f"{watch.name}: {said}",
        attrs=attrs,
    )


def _judged(env: HttpProbe, answer: Answer) -> tuple[str, str]:
    """The level of an answer, and what is said of it."""
    if answer.failure is not None:
        return "error", answer.failure
    said = f"HTTP {answer.status} after {answer.milliseconds:g} ms"
    is_right = answer.status in (env.expect or _RIGHT)
    if not is_right:
        return "error", said
    days = answer.certificate_days
    if days is not None and days < env.certificate_days:
        return "warning", f"{said}; the certificate ends in {days:g} days"
    return "info", said


KIND: Final = Kind("A URL", HttpProbe, observe)
