"""An SMSEagle gateway, a box with SIM cards: its JSON-RPC call that sends a text."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.outside.serving import serving


@dataclass
class Gateway:
    """What it was asked to send, and what it is told to answer."""

    port: int = 0
    texts: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Statuses of the next answers, in order; afterwards each text is taken."""
    errors: list[str] = field(default_factory=list)
    """Words in which the next texts are refused with the status 200."""
    hanging: bool = False
    """While True, nothing is answered."""

    @property
    def url(self) -> str:
        return f"smseagle://s3cr3t-token@127.0.0.1:{self.port}/{{phone}}"

    async def take(self, request: web.Request) -> web.Response:
        call = await request.json()
        if self.hanging:
            await asyncio.get_running_loop().create_future()
        if self.statuses:
            status = self.statuses.pop(0)
            return web.Response(status=status, headers={"Location": request.path})
        if self.errors:
            return web.json_response({"result": {"status": "error", "error": self.errors.pop(0)}})
        assert call["method"] == "sms.send_sms"
        self.texts.append(call["params"])
        return web.json_response({"result": {"message_id": len(self.texts), "status": "ok"}})


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    """A running gateway on loopback."""
    made = Gateway()
    async with serving({"/jsonrpc/sms": made.take}) as made.port:
        yield made
