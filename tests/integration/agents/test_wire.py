"""WebSockets byte by byte: frames in parts, pings in between, and what is against the rules."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.integration.agents.speaking import ABOUT, Platform

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FINAL = 0x80
MASK = b"mask"
FIRST = json.dumps({"type": "enrol", "code": "none", "protocol": 1, "agent": ABOUT}).encode()


@dataclass(slots=True)
class Wire:
    """A connection to the socket, after the upgrade."""

    connection: socket.socket

    def send(self, first: int, payload: bytes = b"") -> None:
        self.connection.sendall(framed(first, payload))

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.connection.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def frame(self) -> tuple[int, bytes]:
        first, length = self.read(2)
        if length == 126:
            (length,) = struct.unpack("!H", self.read(2))
        return first & 0x0F, self.read(length)

    def closed(self) -> int:
        """The code of the next frame, which must be a close; answered, it ends the connection."""
        kind, payload = self.frame()
        assert kind == CLOSE
        self.send(FINAL | CLOSE, payload[:2])
        with pytest.raises((EOFError, ConnectionError)):
            self.read(1)
        return int(struct.unpack("!H", payload[:2])[0])


def framed(first: int, payload: bytes) -> bytes:
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + struct.pack("!H", size)
    masked = bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))
    return bytes((first,)) + length + MASK + masked


@contextmanager
def upgraded(platform: Platform) -> Iterator[Wire]:
    host, port = platform.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(
            b"GET /ws/agent?x=1 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        wire = Wire(connection)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += wire.read(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
        yield wire


def test_frames_may_come_in_parts(platform: Platform) -> None:
    with upgraded(platform) as wire:
        wire.send(TEXT, FIRST[:10])
        wire.send(FINAL | PING, b"there?")
        wire.send(0, FIRST[10:50])
        wire.send(FINAL, FIRST[50:])
        assert wire.frame() == (PONG, b"there?")
        assert wire.closed() == 4401


def test_bytes_may_come_one_by_one(platform: Platform) -> None:
    with upgraded(platform) as wire:
        for byte in framed(FINAL | TEXT, FIRST):
            wire.connection.sendall(bytes((byte,)))
        assert wire.closed() == 4401


def test_a_close_is_answered(platform: Platform) -> None:
    with upgraded(platform) as wire:
        wire.send(FINAL | CLOSE, struct.pack("!H", 1001))
        assert wire.closed() == 1001


AGAINST = [
    (FINAL | 3, b"", 1002),
    (FINAL | 0x40 | TEXT, b"", 1002),
    (FINAL, b"nothing begun", 1002),
    (PING, b"in parts", 1002),
    (FINAL | TEXT, b"\xff", 1007),
    (FINAL | BINARY, b"x", 4400),
]


def test_what_is_against_the_rules_closes(platform: Platform) -> None:
    for first, payload, code in AGAINST:
        with upgraded(platform) as wire:
            wire.send(first, payload)
            assert wire.closed() == code


def test_nothing_said_is_closed_in_the_end(platform: Platform) -> None:
    with upgraded(platform) as wire:
        assert wire.closed() == 4400
