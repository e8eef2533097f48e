"""The API in a process of its own: over a real socket, and with servers that are away or hang."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from notilog import clock
from notilog.config import Settings
from notilog.users.admin import ensure_admin
from tests.servers.api import api


@pytest.fixture
async def password(database: None) -> str:
    """The generated password of the first administrator."""
    generated = await ensure_admin(None)
    assert generated is not None
    assert await ensure_admin("another") is None
    return generated


@pytest.fixture
def hanging_broker(environment: pytest.MonkeyPatch) -> Iterator[None]:
    """A broker that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        environment.setenv("NOTILOG_BROKER_URL", f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        environment.setenv("NOTILOG_API__WAKEUP_TIMEOUT", "0.2")
        environment.setenv("NOTILOG_API__READINESS_TIMEOUT", "0.2")
        yield


@contextmanager
def signed_in(url: str, password: str) -> Iterator[httpx.Client]:
    """A browser in which the administrator has signed in."""
    with httpx.Client(base_url=f"{url}/api/v1/") as client:
        opened = client.post("sessions", json={"login": "admin", "password": password})
        assert opened.status_code == 201
        client.headers["X-CSRF-Token"] = opened.json()["csrf_token"]
        yield client


def test_the_first_administrator_signs_in_over_a_socket(password: str, tmp_path: Path) -> None:
    with api(tmp_path) as url, signed_in(url, password) as client:
        assert client.get("sessions/current").json()["role"] == "admin"
        ben = {"login": "ben", "name": {"first": "Ben", "last": "Oak"}}
        assert client.post("users", json=ben).status_code == 201
        assert client.get(f"{url}/health/ready").status_code == 200
        assert password not in (tmp_path / "api.log").read_text()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/%00", 404), ("/api/v1/users/%00", 422), ("/api/v1/users/%ff%fe", 401), ("/..//..", 404)],
)
def test_raw_paths_are_refused_with_a_problem(
    settings: Settings, tmp_path: Path, path: str, status: int
) -> None:
    with api(tmp_path) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "application/problem+json" in answer


def test_a_broker_that_hangs_keeps_nobody_from_writing(
    hanging_broker: None, password: str, tmp_path: Path
) -> None:
    start = clock.now() + timedelta(seconds=63)
    event = {
        "name": "Talk",
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(hours=1)).isoformat(),
        "notifications": [{"offset": "1m", "channel": "log"}],
        "participants": [],
    }
    with api(tmp_path) as url, signed_in(url, password) as client:
        made = client.post("events", json=event)
        assert made.status_code == 201, made.text
        assert client.get(f"events/{made.json()['id']}").status_code == 200
        ready = client.get("health/ready")
        assert ready.status_code == 503
        assert ready.json()["detail"] == "not answering: broker"
