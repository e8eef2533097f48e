"""A connection that has become a WebSocket, frame by frame."""

import base64
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager

CONTINUED, TEXT, CLOSE, PING = 0, 1, 8, 9
FINAL = 0x80
SMALL = 16 * 1024
"""Bytes that wait for us to be read; what is more waits at the other side."""


@contextmanager
def opened(url: str, *, path: str = "/ws") -> Iterator[socket.socket]:
    """A connection that has become a WebSocket."""
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        connection.settimeout(10)
        connection.connect((host, int(port)))
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield connection


def send(connection: socket.socket, text: str) -> None:
    connection.sendall(framed(FINAL | TEXT, text.encode()))


def framed(first: int, payload: bytes) -> bytes:
    """A frame of a client; the mask changes nothing."""
    return bytes((first, 0x80 | 126)) + struct.pack("!H", len(payload)) + bytes(4) + payload


def closed(connection: socket.socket) -> tuple[int, str]:
    """The code and the reason of the close frame, whatever comes before."""
    while (found := receive(connection))[0] != CLOSE:
        pass
    return int.from_bytes(found[1][:2]), found[1][2:].decode()


def receive(connection: socket.socket) -> tuple[int, bytes]:
    """A frame of the node."""
    first, length = exactly(connection, 2)
    if length == 126:
        (length,) = struct.unpack("!H", exactly(connection, 2))
    return first & 15, exactly(connection, length)


def exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        some = connection.recv(count - len(found))
        assert some, "the node ended the connection without a word"
        found += some
    return found
