"""The API as its own process, started as `notilog up` starts it, configured by the environment."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from notilog.ops.embedded import Program
from tests.servers.process import running, wait_until
from tests.servers.rabbitmq import free_port

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def api(folder: Path, *, port: int | None = None) -> Iterator[str]:
    """The base URL of a running API process, on a free port unless one is named."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    program = Program(
        (
            *(sys.executable, "-m", "api"),
            *("--host", "127.0.0.1", "--port", str(port)),
        )
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with running(program, folder / "api.log", env=environment, cwd=folder):
        wait_until(lambda: _is_live(url), "the API's start")
        yield url


def _is_live(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
