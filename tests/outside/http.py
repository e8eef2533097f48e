"""A receiver of webhooks: keeps what it is sent and answers as a test tells it to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


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
    application = web.Application()
    application.router.add_post("/hook", made.take)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()
