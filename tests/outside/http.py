"""A receiver of webhooks: keeps what it is sent and answers as a test tells it to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.outside.serving import serving


@dataclass(frozen=True, slots=True)
class Posted:
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    port: int = 0
    posts: list[Posted] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    """Answers to the next requests, in order; afterwards each is accepted."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append(Posted(dict(request.headers), await request.read()))
        return self.answers.pop(0) if self.answers else web.Response(text="thank you")


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A running server on loopback."""
    made = Receiver()
    async with serving({"/hook": made.take}) as made.port:
        yield made
