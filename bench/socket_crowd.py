"""Many sockets of one node, as cheap as can be; a program of its own.

``URL TOKEN COUNT``: it opens them and prints a line of JSON; then, once a line ``MESSAGES`` was
read, waits for so many on each socket, and prints by how many seconds each was late, and how many
never came. It ends with its stdin.
"""

import asyncio
import json
import os
import struct
import sys
import time
from base64 import b64encode
from typing import Final, cast

import uvloop

AT_ONCE: Final = 50
PATIENCE: Final = 60.0
LONG: Final = 126
PING: Final = 9


class Socket(asyncio.Protocol):
    """One socket: signs in, subscribes and notes when messages come."""

    def __init__(self, host: str, token: str) -> None:
        self._host = host
        self._token = token
        self._buffer = bytearray()
        self._has_head = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.late: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /ws HTTP/1.1\r\nHost: {self._host}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._buffer += data
        if not self._has_head:
            head, found, _ = bytes(self._buffer).partition(b"\r\n\r\n")
            if not found:
                return
            del self._buffer[: len(head) + 4]
            self._has_head = True
            self._say(1, json.dumps({"type": "auth", "token": self._token}))
            self._say(1, json.dumps({"type": "subscribe", "id": "b", "topic": "observers"}))
        while self._take(now):
            pass

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before it was ready"))

    def _take(self, now: float) -> bool:
        buffer = self._buffer
        if len(buffer) < 4:
            return False
        length, begin = buffer[1], 2
        if length == LONG:
            (length,), begin = struct.unpack_from("!H", buffer, 2), 4
        if len(buffer) < begin + length:
            return False
        opcode, payload = buffer[0] & 15, bytes(buffer[begin : begin + length])
        del buffer[: begin + length]
        if opcode == PING:
            self._say(10, "")
        elif opcode == 1:
            self._heard(json.loads(payload), now)
        return True

    def _heard(self, frame: dict[str, object], now: float) -> None:
        if frame["type"] == "message":
            data = frame["data"]
            assert isinstance(data, list)  # noqa: S101  it always is
            self.late += [now - one["at"] for one in data]
        elif frame["type"] == "subscribed":
            self.ready.set_result(None)

    def _say(self, opcode: int, text: str) -> None:
        payload = text.encode()
        size = len(payload)
        length = bytes((0x80 | size,)) if size < LONG else b"\xfe" + struct.pack("!H", size)
        self._transport.write(bytes((0x80 | opcode,)) + length + bytes(4) + payload)


async def main(url: str, token: str, count: int) -> None:
    host = url.removeprefix("http://")
    gate = asyncio.Semaphore(AT_ONCE)

    async def opened() -> Socket:
        async with gate:
            name, port = host.split(":")
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(lambda: Socket(host, token), name, int(port))
            async with asyncio.timeout(PATIENCE):
                await made.ready
            return made

    sockets = await asyncio.gather(*(opened() for _ in range(count)))
    _tell({"ready": len(sockets)})
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        wanted = int(line)
        deadline = time.monotonic() + PATIENCE
        while any(len(one.late) < wanted for one in sockets) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # what is awaited is the slowest of thousands
        late = [seconds for one in sockets for seconds in one.late]
        lost = sum(max(0, wanted - len(one.late)) for one in sockets)
        _tell({"late": late, "lost": lost})


def _tell(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
