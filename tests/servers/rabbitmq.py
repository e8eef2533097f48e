"""A RabbitMQ node of our own, from Debian's package, on its own ports and folders."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kombu.connection import Connection

from notilog.ops.embedded import Program
from tests.servers.process import running, wait_until

BINARIES = Path("/usr/lib/rabbitmq/bin")


@dataclass(frozen=True, slots=True)
class Node:
    """How to run the node and how to reach it; a killed node runs again with its data."""

    home: Path
    port: int
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @contextmanager
    def running(self) -> "Iterator[subprocess.Popen[bytes]]":
        program = Program((str(BINARIES / "rabbitmq-server"),))
        with running(program, self.home / "server.log", env=self.environment) as process:
            wait_until(lambda: answers(self.url), "RabbitMQ's start", patience=60)
            yield process


def installed() -> bool:
    return (BINARIES / "rabbitmq-server").is_file()


def answers(url: str) -> bool:
    with Connection(url, connect_timeout=2) as connection:
        connection.connect()
        return bool(connection.connected)


@contextmanager
def node(home: Path) -> Iterator[Node]:
    """A running node below ``home``."""
    with prepared(home) as made, made.running():
        yield made


@contextmanager
def prepared(home: Path) -> Iterator[Node]:
    """A node below ``home`` that may be run, and run again; its port mapper ends with it."""
    home.mkdir(parents=True, exist_ok=True)
    port, epmd_port = free_port(), free_port()
    (home / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    made = Node(home, port, _environment(home, port, epmd_port))
    try:
        yield made
    finally:
        subprocess.run(("epmd", "-port", str(epmd_port), "-kill"), capture_output=True, check=False)


def _environment(home: Path, port: int, epmd_port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"notilog{port}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "config"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
