"""HTTP to places that somebody named in a setting or a request.

Such a name may lead into our own network (SSRF). The addresses are judged after they are
resolved and are the very ones that are connected to, so a name cannot change its mind between.
"""

from asyncio import IncompleteReadError
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import AF_INET, AddressFamily
from typing import Protocol

from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from notilog.errors import SendFailed

REDIRECTS = frozenset({301, 302, 303, 307, 308})
NAT64 = IPv6Network("64:ff9b::/96")
ANSWER_BYTES = 65536


class ShortAnswer(ClientResponse):
    """An answer whose rest is not read: a library would take as much as a server likes to send."""

    async def read(self) -> bytes:
        if self._body is None:
            try:
                self._body = await self.content.readexactly(ANSWER_BYTES)
            except IncompleteReadError as end:
                self._body = end.partial
            else:
                self.close()
        return self._body


class PublicResolver(AbstractResolver):
    """Resolves names, and gives only those of their addresses that are public."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        public = [result for result in found if is_public(result["host"])]
        if not public:
            raise _private(host)
        return public

    async def close(self) -> None:
        await self._resolver.close()


class HttpSettings(Protocol):
    """What a channel over HTTP lets an administrator set."""

    @property
    def timeout(self) -> float: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def allow_private(self) -> bool: ...


class Client:
    """A session that is opened by the first request, and closed once."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._session: ClientSession | None = None

    def session(self) -> ClientSession:
        """Keeps connections, has no cookies, asks no proxy and follows no redirect."""
        if self._session is None:
            self._session = _session(self._settings)
        return self._session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _session(settings: HttpSettings) -> ClientSession:
    connector = TCPConnector(
        limit=settings.concurrency,
        limit_per_host=settings.concurrency,
        resolver=None if settings.allow_private else PublicResolver(),
    )
    return ClientSession(
        connector=connector,
        timeout=ClientTimeout(total=settings.timeout),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        middlewares=(_without_redirects,),
        response_class=ShortAnswer,
    )


async def _without_redirects(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Take a redirect as an answer like others: a library may ask to follow it to anywhere."""
    answer = await send(request)
    if answer.status in REDIRECTS:
        answer.close()
        raise SendFailed(f"HTTP {answer.status}", permanent=True)
    return answer


def target(url: str, *, allow_private: bool) -> URL:
    """The parsed URL of an HTTP server that may be asked.

    Raises:
        SendFailed: for ever; it is no such URL, or names a private address.
    """
    try:
        parsed = URL(url)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise SendFailed("the target is not an http or https URL", permanent=True)
    # A literal address is not resolved, so it is judged here.
    if not allow_private and _is_literal(parsed.host) and not is_public(parsed.host):
        raise _private(parsed.host)
    return parsed


def is_public(address: str) -> bool:
    """Whether an address is reachable for everybody, whatever form it is wrapped in."""
    ip = _unwrapped(ip_address(address.partition("%")[0]))
    return ip.is_global and not ip.is_multicast


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _private(host: str) -> SendFailed:
    return SendFailed(
        f"{host} is a private address; ALLOW_PRIVATE in its settings permits them",
        permanent=True,
    )
