"""uvicorn's WebSocket connections, for peers that do not read, or do not keep to the protocol.

uvicorn closes a connection only when there is room to write, and ends it with what it has not read
yet, by which the close frame is lost as well. Here whoever is closed is told why as far as that can
be, and is gone a few seconds later whatever they do.
"""

import logging
from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

CLOSE_WITHIN: Final = 5.0
"""Seconds that a peer gets to read what was written and to answer a close frame."""


class Wire(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = logging.getLogger(__name__)  # uvicorn's tells of each connection

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.writable.set()  # who does not read is told all the same
            await super().send(message)
            self._end_soon()
            return
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # who asks without reading costs no memory

    def handle_parser_exception(self) -> None:
        if self.close_sent:
            return  # what still comes is read, so that the close frame arrives
        closing = self.conn.close_sent
        assert closing is not None  # noqa: S101  the parser has just said so
        reason = closing.reason
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": closing.code, "reason": reason}
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_sent = True
        self._end_soon()

    def keepalive_timeout(self) -> None:
        if self.read_paused:  # the answer may wait behind what was not read yet
            self.pong_timer = self.loop.call_later(CLOSE_WITHIN, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self.transport.abort()

    def _end_soon(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_WITHIN, self.transport.abort)
