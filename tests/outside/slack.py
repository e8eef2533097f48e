"""Slack: incoming webhooks and the Web API, as far as NotiLog asks them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.outside.serving import serving

TOKEN = "xoxb-1234-secret"


@dataclass
class Slack:
    """What arrived, and what is answered to the next requests; afterwards all is accepted."""

    port: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)

    @property
    def hook(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T0/B0/secret-of-the-hook"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    async def take_hook(self, request: web.Request) -> web.Response:
        if self.answers:
            return self.answers.pop(0)
        self.posts.append(await request.json())
        return web.Response(text="ok")

    async def post_message(self, request: web.Request) -> web.Response:
        if self.answers:
            return self.answers.pop(0)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        body = await request.json()
        if body["channel"] != "C0PLANS":
            return web.json_response({"ok": False, "error": "channel_not_found"})
        self.posts.append(body)
        return web.json_response({"ok": True, "channel": body["channel"], "ts": "1.1"})


@asynccontextmanager
async def slack() -> AsyncIterator[Slack]:
    """A running server on loopback."""
    made = Slack()
    posts = {
        "/services/T0/B0/secret-of-the-hook": made.take_hook,
        "/api/chat.postMessage": made.post_message,
    }
    async with serving(posts) as made.port:
        yield made
