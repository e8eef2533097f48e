"""The API as its own process, started as `notilog up` starts it, configured by the environment."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from notilog.ops.embedded import Program
from tests.servers.process import running, wait_until
from tests.servers.rabbitmq import free_port

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Node:
    """A running API process, which a test may kill."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def api(folder: Path, *, port: int | None = None) -> Iterator[str]:
    """The base URL of a running API process, on a free port unless one is named."""
    with node(folder, port=port) as made:
        yield made.url


@contextmanager
def node(folder: Path, *, port: int | None = None) -> Iterator[Node]:
    """A running API process; it writes to the file ``api.log`` of the folder."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    program = Program(
        (
            *(sys.executable, "-m", "api"),
            *("--host", "127.0.0.1", "--port", str(port)),
        )
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with running(program, folder / "api.log", env=environment, cwd=folder) as process:
        wait_until(lambda: _is_live(url), "the API's start")
        yield Node(url, process)


def _is_live(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
