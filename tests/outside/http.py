"""A receiver of webhooks and files: keeps what it is sent and answers as a test tells it to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.outside.serving import serving


@dataclass(frozen=True, slots=True)
class Posted:
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    path: str = "/hook"


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
        body = await request.read()
        self.posts.append(Posted(dict(request.headers), body, request.method, request.path))
        return self.answers.pop(0) if self.answers else web.Response(text="thank you")


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A running server on loopback."""
    made = Receiver()
    puts = {"/files/{name:.+}": made.take}
    async with serving({"/hook": made.take}, puts=puts) as made.port:
        yield made
