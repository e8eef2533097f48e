"""An HTTP server on loopback, for as long as a test wants it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    posts: Mapping[str, Handler], *, puts: Mapping[str, Handler] | None = None, port: int = 0
) -> AsyncIterator[int]:
    """Handlers of POST and PUT by path; the port is a free one unless it is named."""
    application = web.Application()
    for path, handler in posts.items():
        application.router.add_post(path, handler)
    for path, handler in (puts or {}).items():
        application.router.add_put(path, handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
