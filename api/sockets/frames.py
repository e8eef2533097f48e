"""A socket as those see it who speak over it: frames, with bounds, and a close that says why."""

import asyncio
from time import monotonic
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

MALFORMED: Final = 4400
UNAUTHENTICATED: Final = 4401
FORBIDDEN: Final = 4403
DELETED: Final = 4404
SUPERSEDED: Final = 4409
TOO_FAST: Final = 4429
RECONNECT: Final = 1012
TRY_LATER: Final = 1013

SENT_WITHIN: Final = 10.0
"""Seconds within which the other side takes what it is sent."""
_PER_SECOND: Final = 10.0
_BURST: Final = 50.0


class Closing(Exception):
    """That the connection is to be closed, with a code and in words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Pace:
    """How many text frames may still come: ten a second, and fifty at once."""

    def __init__(self) -> None:
        self._left = _BURST
        self._at = monotonic()

    def take(self) -> None:
        """Count one frame.

        Raises:
            Closing: there are too many.
        """
        now = monotonic()
        self._left = min(_BURST, self._left + (now - self._at) * _PER_SECOND)
        self._at = now
        if self._left < 1:
            raise Closing(TOO_FAST, f"more than {_PER_SECOND:g} frames a second")
        self._left -= 1


async def received(socket: WebSocket, *, within: float) -> str | bytes:
    """The next frame.

    Raises:
        Closing: none came within so many seconds.
        WebSocketDisconnect: the other side has gone.
    """
    try:
        async with asyncio.timeout(within):
            event = await socket.receive()
    except TimeoutError:
        raise Closing(MALFORMED, f"no frame within {within:g} s") from None
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code") or 1005)
    text = event.get("text")
    return text if text is not None else bytes(event["bytes"])


async def say(socket: WebSocket, text: str) -> None:
    """Send a frame.

    Raises:
        Closing: the other side does not take it.
        WebSocketDisconnect: it has gone.
    """
    try:
        async with asyncio.timeout(SENT_WITHIN):
            await socket.send_text(text)
    except TimeoutError:
        raise Closing(TOO_FAST, "what was sent to you is not read") from None
