"""The whole platform, started as a user starts it, and a client that talks to it over REST."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.servers.process import end, wait_until
from tests.servers.rabbitmq import free_port

ADMIN_PASSWORD = "a password of the tests"

CHILDREN = {
    "postgres": r"/postgres -D",
    "redis": r"redis-server",
    "api": r"-m api --host",
    "worker-general": r"-n general@",
    "worker-logs": r"-n logs@",
    "worker-observers": r"-n observers@",
    "beat": r"workers\.app beat",
    "flower": r"workers\.app flower",
}
"""Each child of ``notilog up`` and what its command line looks like."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A running ``notilog up``."""

    process: "subprocess.Popen[bytes]"
    url: str
    flower_url: str
    output: Path
    state: Path

    def client(self, bearer: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=10)

    def sign_in(self, login: str, password: str) -> str:
        with self.client() as client:
            answer = client.post("/sessions", json={"login": login, "password": password})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["session_id"])

    def admin(self) -> httpx.Client:
        return self.client(self.sign_in("admin", ADMIN_PASSWORD))

    def child(self, name: str) -> psutil.Process:
        """The child's own process: the eldest whose command line fits."""
        fitting = [
            process
            for process in psutil.Process(self.process.pid).children(recursive=True)
            if re.search(CHILDREN[name], _command(process))
        ]
        if not fitting:
            raise ProcessLookupError(name)
        return min(fitting, key=lambda process: process.create_time())

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def platform(folder: Path, **environment: str) -> Iterator[Platform]:
    """Run ``notilog up`` on a state directory below ``folder`` until the block ends."""
    port, flower_port = free_port(), free_port()
    output = folder / "output.log"
    command = (
        *(str(Path(sys.executable).parent / "notilog"), "up"),
        *("--state-dir", str(folder / "state")),
        *("--host", "127.0.0.1", "--port", str(port), "--flower-port", str(flower_port)),
    )
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("NOTILOG_")}
    with output.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, "NOTILOG_ADMIN_PASSWORD": ADMIN_PASSWORD, **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    started = Platform(
        process,
        f"http://127.0.0.1:{port}",
        f"http://127.0.0.1:{flower_port}",
        output,
        folder / "state",
    )
    try:
        wait_until(lambda: _ready_or_dead(started), "the platform's start", patience=90)
        yield started
    finally:
        end(process, signal.SIGTERM)


def _ready_or_dead(started: Platform) -> bool:
    if started.process.poll() is not None:
        raise RuntimeError(started.output.read_text()[-3000:])
    return started.is_ready()
