"""A receiver of mail and of webhooks that is fast enough not to be what is measured.

``python -m bench.sink`` prints its two ports, counts every message by its id, and tells the counts
to whoever sends the SMTP command ``STAT``.
"""

import asyncio
import re
from collections import Counter
from typing import cast

import uvloop

MESSAGE_ID = re.compile(rb"\r\nMessage-ID: <([^@>]+)")
WEBHOOK_ID = re.compile(rb"\r\nwebhook-id: (\S+)", re.IGNORECASE)
CONTENT_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
END_OF_MAIL = b"\r\n.\r\n"
END_OF_HEAD = b"\r\n\r\n"

arrived: Counter[bytes] = Counter()


class Mail(asyncio.Protocol):
    """SMTP without any check; pipelined commands are answered in order."""

    def __init__(self) -> None:
        self._buffer = b""
        self._in_mail = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = []
        while (end := self._end()) >= 0:
            piece, self._buffer = self._buffer[:end], self._buffer[end:]
            answers.append(self._mail(piece) if self._in_mail else self._command(piece))
        if answers:
            self._transport.write(b"".join(answers))

    def _end(self) -> int:
        mark = END_OF_MAIL if self._in_mail else b"\r\n"
        found = self._buffer.find(mark)
        return found if found < 0 else found + len(mark)

    def _mail(self, mail: bytes) -> bytes:
        self._in_mail = False
        found = MESSAGE_ID.search(mail)
        arrived[found[1] if found else b""] += 1
        return b"250 OK\r\n"

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"DATA":
            self._in_mail = True
            return b"354 go on\r\n"
        if verb == b"EHLO":
            return b"250-sink\r\n250 PIPELINING\r\n"
        if verb == b"STAT":
            return b"250 %d %d\r\n" % (arrived.total(), len(arrived))
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 OK\r\n"


class Hook(asyncio.Protocol):
    """HTTP that accepts every POST."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(END_OF_HEAD)
        if head < 0:
            return
        length = CONTENT_LENGTH.search(self._buffer, 0, head + 2)
        end = head + len(END_OF_HEAD) + (int(length[1]) if length else 0)
        if len(self._buffer) < end:
            return
        found = WEBHOOK_ID.search(self._buffer, 0, head + 2)
        arrived[found[1] if found else b""] += 1
        self._buffer = self._buffer[end:]
        self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(Mail, "127.0.0.1", 0)
    hook = await loop.create_server(Hook, "127.0.0.1", 0)
    print(mail.sockets[0].getsockname()[1], hook.sockets[0].getsockname()[1], flush=True)
    async with mail, hook:
        await asyncio.gather(mail.serve_forever(), hook.serve_forever())


if __name__ == "__main__":
    uvloop.run(main())
