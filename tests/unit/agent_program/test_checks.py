"""Checks of real processes, ports and addresses."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from notilog.agent.program.checks import Checking, find
from notilog.agent.program.settings import PortCheck, ProcessCheck, UnitCheck, UrlCheck


@pytest.fixture
def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_process_is_found_by_its_command_line() -> None:
    check = ProcessCheck("x", "a-text-of-this-check")
    assert not find(check).ok
    code = "import time; time.sleep(60)"
    with subprocess.Popen((sys.executable, "-c", code, "a-text-of-this-check")) as process:
        found = find(check)
        process.kill()
    assert found.ok
    assert str(process.pid) in found.detail


def test_a_port(free_port: int) -> None:
    check = PortCheck("x", "127.0.0.1", free_port)
    assert not find(check).ok
    with socket.create_server(("127.0.0.1", free_port)):
        assert find(check).ok


def test_an_address_and_its_status(site: str) -> None:
    assert find(UrlCheck("x", f"{site}/200")).ok
    assert find(UrlCheck("x", f"{site}/301", 301)).ok
    failed = find(UrlCheck("x", f"{site}/503"))
    assert (failed.ok, failed.detail) == (False, "status 503, not 200")


def test_an_address_where_nobody_answers(free_port: int) -> None:
    assert not find(UrlCheck("x", f"http://127.0.0.1:{free_port}/")).ok


def test_a_unit_without_systemctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = find(UnitCheck("x", "ssh.service"))
    assert (found.ok, found.detail) == (False, "there is no systemctl here")


async def test_since_changes_only_with_the_outcome(free_port: int) -> None:
    checking = Checking()
    checking.follow((PortCheck("x", "127.0.0.1", free_port),))
    await checking.run()
    assert (checking.outcomes, checking.is_in_doubt) == ((), True)
    await checking.run()
    (failed,) = checking.outcomes
    await checking.run()
    assert checking.outcomes[0].since == failed.since
    with socket.create_server(("127.0.0.1", free_port)):
        await checking.run()
        assert not checking.outcomes[0].ok
        await checking.run()
    (ok,) = checking.outcomes
    assert ok.ok
    assert ok.since >= failed.since
    checking.follow(())
    await checking.run()
    assert checking.outcomes == ()


async def test_a_check_that_flaps_is_as_it_was(free_port: int) -> None:
    checking = Checking()
    checking.follow((PortCheck("x", "127.0.0.1", free_port),))
    with socket.create_server(("127.0.0.1", free_port)):
        await checking.run()
    (well,) = checking.outcomes
    for _ in range(3):
        await checking.run()
        (flapping,) = checking.outcomes
        assert (flapping.ok, flapping.since, checking.is_in_doubt) == (True, well.since, True)
        assert flapping.detail.startswith("just now: ")
        with socket.create_server(("127.0.0.1", free_port)):
            await checking.run()
        assert (checking.outcomes, checking.is_in_doubt) == ((well,), False)
    for _ in range(2):
        await checking.run()
    assert not checking.outcomes[0].ok
