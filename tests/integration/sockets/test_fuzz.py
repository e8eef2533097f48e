"""Whatever comes over a connection, the node answers or closes it, and serves the next one."""

import json
import socket
from pathlib import Path

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.sockets.raw import opened, receive, send

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
TYPES = ["auth", "subscribe", "unsubscribe", "ping", "rsvp", "presence", "x", "é" * 400]
FIELDS = [
    "y" * 400,
    "id",
    "topic",
    "filter",
    "after",
    "event_id",
    "decision",
    "occurrence",
    "token",
]
WORDS = st.sampled_from(["logs", "user", "deliveries", "observers", "yes", "a"])
FRAMES = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional=dict.fromkeys(FIELDS, WORDS | JSON),
)


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
