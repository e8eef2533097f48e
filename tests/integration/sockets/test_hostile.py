"""Peers that do not read, or that cost more than they may."""

import json
import socket
import struct
from pathlib import Path

import psutil
import pytest

from notilog.realtime import topics
from tests.integration.sockets.raw import (
    CLOSE,
    CONTINUED,
    FINAL,
    PING,
    TEXT,
    closed,
    framed,
    opened,
    receive,
    send,
)
from tests.integration.waiting import until
from tests.servers.api import Node

MORE_THAN_WAITS_IN_BETWEEN = 14
LARGE = b'[{"data":"' + b"x" * 400_000 + b'"}]'


def welcomed(connection: socket.socket, token: str) -> None:
    send(connection, json.dumps({"type": "auth", "token": token}))
    assert b"welcome" in receive(connection)[1]


async def test_who_says_goodbye_and_reads_nothing_is_gone(
    nodes: tuple[Node, Node], admin: str, redis_url: str
) -> None:
    node, _ = nodes
    redis = topics.connect(redis_url)
    port = int(node.url.rpartition(":")[2])

    def open_sockets() -> int:
        found = psutil.Process(node.process.pid).net_connections("tcp")
        return sum(one.laddr.port == port and one.status == "ESTABLISHED" for one in found)

    with opened(node.url) as connection:
        welcomed(connection, admin)
        send(connection, json.dumps({"type": "subscribe", "id": "o", "topic": "observers"}))
        assert b"subscribed" in receive(connection)[1]
        assert open_sockets() == 1
        for _ in range(MORE_THAN_WAITS_IN_BETWEEN):
            await topics.publish(redis, "observers", LARGE, keep=10)
        await redis.aclose()
        connection.sendall(framed(FINAL | CLOSE, struct.pack("!H", 1000)))

        async def is_gone() -> bool:
            return open_sockets() == 0

        await until(is_gone)


@pytest.mark.parametrize("path", ["/ws", "/ws/agent"])
def test_a_reason_that_is_too_long_is_cut(url: str, path: str, tmp_path: Path) -> None:
    with opened(url, path=path) as connection:
        send(connection, json.dumps({"type": "é" * 400, "z" * 400: 1}))
        code, reason = closed(connection)
        assert code == 4400
        assert 0 < len(reason.encode()) <= 123
    assert "Traceback" not in (tmp_path / "api.log").read_text()


def test_a_message_has_so_many_parts(url: str) -> None:
    with opened(url) as connection:
        connection.sendall(framed(TEXT, b"") + framed(CONTINUED, b"") * 300)
        assert closed(connection)[0] == 1008


def test_pings_are_answered_but_not_without_end(url: str) -> None:
    with opened(url) as connection:
        connection.sendall(framed(FINAL | PING, b"?"))
        assert receive(connection) == (10, b"?")
        connection.sendall(framed(FINAL | PING, b"?") * 100)
        assert closed(connection) == (1008, "too many pings")


def test_large_frames_are_for_agents_only(url: str) -> None:
    head = bytes((FINAL | TEXT, 0x80 | 127)) + struct.pack("!Q", 100_000) + bytes(4)
    with opened(url) as connection:
        connection.sendall(head)  # it is refused before it has come
        assert closed(connection)[0] == 1009
    with opened(url, path="/ws/agent") as connection:
        connection.sendall(head + b"x" * 100_000)
        assert closed(connection)[0] == 4400
