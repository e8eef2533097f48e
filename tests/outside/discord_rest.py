"""The few REST requests that a bot makes before it listens."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.outside.discord_bots import Answer, Bot, Rules

UNAUTHORIZED = Answer(401, {"message": "401: Unauthorized", "code": 0})
UNKNOWN = Answer(404, {"message": "404: Not Found", "code": 0})


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came; ``at`` is `time.monotonic`."""

    path: str
    at: float


@dataclass(slots=True)
class Rest:
    bots: dict[str, Bot]
    rules: Rules
    port: int = 0
    requests: list[Request] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        path = "/" + request.match_info["path"]
        self.requests.append(Request(path, time.monotonic()))
        scripted = self.rules.answers.get(path)
        answer = scripted.pop(0) if scripted else self._answer(path, request)
        # discord.py takes nothing for JSON but exactly this type, without a charset.
        headers = {"Content-Type": "application/json", **answer.headers}
        body = json.dumps(answer.body).encode()
        return web.Response(body=body, status=answer.status, headers=headers)

    def _answer(self, path: str, request: web.Request) -> Answer:
        gateway = {"url": f"ws://127.0.0.1:{self.port}/gateway"}
        if path == "/gateway":
            return Answer(200, gateway)
        bot = self.bots.get(request.headers.get("Authorization", "").removeprefix("Bot "))
        if bot is None:
            return UNAUTHORIZED
        starts = {"shards": 1, "session_start_limit": bot.starts.told}
        known = {
            "/gateway/bot": {**gateway, **starts},
            "/users/@me": bot.person.user,
            "/oauth2/applications/@me": _application(bot),
        }
        return Answer(200, known[path]) if path in known else UNKNOWN


def _application(bot: Bot) -> dict[str, Any]:
    return {
        "id": str(bot.id),
        "name": bot.person.name,
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": 0,
        "owner": bot.person.user,
        "team": None,
    }
