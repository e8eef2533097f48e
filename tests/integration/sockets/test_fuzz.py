"""Whatever comes over a connection, the node answers or closes it, and serves the next one."""

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROUNDS = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
TYPES = ["auth", "subscribe", "unsubscribe", "ping", "rsvp", "presence", "x"]
FIELDS = ["id", "topic", "filter", "after", "event_id", "decision", "occurrence", "token"]
WORDS = st.sampled_from(["logs", "user", "deliveries", "observers", "yes", "a"])
FRAMES = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional=dict.fromkeys(FIELDS, WORDS | JSON),
)


@contextmanager
def opened(url: str) -> Iterator[socket.socket]:
    """A connection that has become a WebSocket."""
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=10)) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield connection


def send(connection: socket.socket, text: str) -> None:
    payload = text.encode()
    head = bytes((0x81, 0x80 | 126)) + struct.pack("!H", len(payload)) + bytes(4)
    connection.sendall(head + payload)


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


def test_any_json_is_answered(url: str, ann: str, tmp_path: Path) -> None:
    @ROUNDS
    @given(st.lists(FRAMES | JSON, min_size=1, max_size=5))
    def answered(frames: list[object]) -> None:
        with opened(url) as connection:
            send(connection, json.dumps({"type": "auth", "token": ann}))
            assert b"welcome" in receive(connection)[1]
            for frame in frames:
                send(connection, json.dumps(frame))
                opcode, payload = receive(connection)
                assert opcode == 1
                assert "type" in json.loads(payload)

    answered()
    assert "failed" not in (tmp_path / "api.log").read_text()


def test_any_first_frame_is_answered_and_closed(url: str) -> None:
    @ROUNDS
    @given(FRAMES | JSON)
    def turned_away(frame: object) -> None:
        with opened(url) as connection:
            send(connection, json.dumps(frame))
            assert json.loads(receive(connection)[1])["type"] == "error"
            opcode, payload = receive(connection)
            assert opcode == 8
            assert int.from_bytes(payload[:2]) in {4400, 4401}

    turned_away()


def test_any_bytes_leave_the_node_as_it_was(url: str, tmp_path: Path) -> None:
    @ROUNDS
    @given(st.lists(st.binary(max_size=200), max_size=5))
    def sent(pieces: list[bytes]) -> None:
        with opened(url) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError:
                pass

    sent()
    assert httpx.get(f"{url}/health/live").status_code == 200
    assert "failed" not in (tmp_path / "api.log").read_text()
