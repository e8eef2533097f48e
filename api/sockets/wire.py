"""uvicorn's WebSocket connections, for peers that do not read, or do not keep to the protocol.

uvicorn closes a connection only when there is room to write, and ends it with what it has not read
yet, by which the close frame is lost as well; and it counts neither the parts of a message nor
pings. Here whoever is closed is told why as far as that can be, and is gone a few seconds later
whatever they do.
"""

import logging
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from notilog.agents.protocol import FRAME_BYTES
from notilog.realtime.measures import CLOSED

CLOSE_WITHIN: Final = 5.0
"""Seconds that a peer gets to read what was written and to answer a close frame."""
NORMAL: Final = 1000
LONGEST_REASON: Final = 123
"""Bytes, by RFC 6455."""
LARGER: Final = {"/ws/agent": FRAME_BYTES}
"""Bytes of a message, by how the paths end that take larger ones than all others."""
MOST_PARTS: Final = 256
"""Frames of one message."""
PINGS_A_SECOND: Final = 2.0
PINGS_AT_ONCE: Final = 40.0


class Wire(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = logging.getLogger(__name__)  # uvicorn's tells of each connection
        self._pings, self._pinged_at = PINGS_AT_ONCE, self.loop.time()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._end_soon()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            if not self.close_sent:
                self.writable.set()  # who does not read is told all the same
                message["reason"] = _cut(message.get("reason") or "")
                CLOSED.add(str(message.get("code") or NORMAL))
                await super().send(message)
                self._end_soon()
            return
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def handle_connect(self, event: Any) -> None:
        path = event.path.partition("?")[0]
        for end, size in LARGER.items():
            if path.endswith(end):
                self.conn.max_message_size = size
        super().handle_connect(event)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= MOST_PARTS:
            self._fail(f"a message may have {MOST_PARTS} parts")
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        now = self.loop.time()
        self._pings += (now - self._pinged_at) * PINGS_A_SECOND
        self._pings = min(PINGS_AT_ONCE, self._pings) - 1
        self._pinged_at = now
        if self._pings < 0:
            self._fail("too many pings")
        else:
            super().handle_ping()

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        if not self.disconnected:  # what they do not read must not keep the connection
            self._end_soon()

    def handle_parser_exception(self) -> None:
        if self.close_sent:
            return  # what still comes is read, so that the close frame arrives
        closing = self.conn.close_sent
        assert closing is not None  # noqa: S101  the parser has just said so
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": closing.code, "reason": closing.reason}
        )
        CLOSED.add(str(closing.code))
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_sent = True
        self._end_soon()

    def keepalive_timeout(self) -> None:
        if self.read_paused and self.writable.is_set():
            # The answer may wait behind what was not read yet.
            self.pong_timer = self.loop.call_later(CLOSE_WITHIN, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self.transport.abort()

    def _fail(self, reason: str) -> None:
        if not self.close_sent:
            self.conn.fail(CloseCode.POLICY_VIOLATION, reason)
            self.handle_parser_exception()

    def _end_soon(self) -> None:
        if self.disconnected:
            return
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_WITHIN, self.transport.abort)


def _cut(reason: str) -> str:
    return reason.encode("utf-8", "replace")[:LONGEST_REASON].decode("utf-8", "ignore")
