"""`notilog up` starts everything, refuses in one line what cannot be, and leaves nothing behind."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from notilog.ops.state import held, holder
from tests.servers.command import NOTILOG, assert_refused, environment, run
from tests.servers.process import wait_until
from tests.servers.rabbitmq import free_port

UNREACHABLE = "127.0.0.1:1"


class Running:
    """A `notilog up` whose output goes to a file."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port, self.flower_port = free_port(), free_port()
        self.output = folder / "output.log"
        self.output.unlink(missing_ok=True)
        ports = ("--port", str(self.port), "--flower-port", str(self.flower_port))
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                (NOTILOG, "up", *ports),
                cwd=folder,
                env=environment(**settings),
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self.text)
        return "NotiLog is ready" in self.text

    def family(self) -> list[psutil.Process]:
        """This process and every descendant, by what they are now."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def pids(self, pattern: str) -> set[int]:
        """The processes whose command line fits."""
        return {one.pid for one in self.family() if re.search(pattern, _command(one))}


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Running]:
    started = Running(folder, **settings)
    family: list[psutil.Process] = []
    try:
        wait_until(started.is_ready, "the platform's start", patience=90)
        family = started.family()
        yield started
    finally:
        if started.process.poll() is None:
            family = family or started.family()
            started.process.terminate()
            started.process.wait(timeout=20)
        for process in family:
            if process.is_running():
                process.kill()


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != "zombie" for one in processes)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_it_starts_survives_crashes_and_stops_without_leftovers(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        assert httpx.get(f"http://127.0.0.1:{up.port}/health/ready").status_code == 200
        first, password = re.findall(r"login admin, password +(\S+)", up.text)
        assert up.text.count(first) == 2, "when it was made, and in the banner"
        wait_until(lambda: listens(up.flower_port), "Flower, which follows the workers")
        assert httpx.get(f"http://127.0.0.1:{up.flower_port}/api/workers").status_code == 401
        workers = httpx.get(
            f"http://127.0.0.1:{up.flower_port}/api/workers", auth=("admin", password)
        )
        assert workers.status_code == 200, up.text
        metrics = f"http://127.0.0.1:{up.flower_port}/metrics"
        assert httpx.get(metrics).status_code == 401
        assert httpx.get(metrics, auth=("admin", "wrong")).status_code == 401
        measured = httpx.get(metrics, auth=("admin", password))
        assert (measured.status_code, "flower_" in measured.text) == (200, True)
        assert httpx.get(f"http://127.0.0.1:{up.flower_port}/healthcheck").status_code == 200

        second = run(tmp_path, "up", "--port", str(free_port()), "--flower-port", str(free_port()))
        assert_refused(second, "is in use by process")

        doctor = run(tmp_path, "doctor", NOTILOG_LOG_LEVEL="info", NOTILOG_NONE="1", COLUMNS="400")
        assert doctor.returncode == 0, doctor.stdout
        assert "from environment (1 variable), state/assumed.env" in doctor.stdout

        (killed,) = up.pids("-n general@")
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: "starting it again" in up.text, "the restart's message")
        wait_until(lambda: bool(up.pids("-n general@") - {killed}), "the restart")

        family = up.family()
        assert run(tmp_path, "down").returncode == 0
        up.process.wait(timeout=10)
        assert up.process.returncode == 0
        assert gone(family)
        told = re.findall(r"^worker-\w+ +\| (?!\*{3})(.*)$", up.text, re.MULTILINE)
        stopping = [line for line in map(json.loads, told) if line["event"] == "worker_stops"]
        assert {line["how"] for line in stopping} == {"warm"}


def test_killed_it_takes_everything_along_and_starts_again_with_its_data(tmp_path: Path) -> None:
    with running(tmp_path, NOTILOG_STATE_DIR="state") as up:
        assert "(shown this once" in up.text
        family = up.family()
        up.process.kill()
        up.process.wait()
        wait_until(lambda: gone(family), "the end of every process")
    with running(tmp_path, NOTILOG_STATE_DIR="state") as up:
        assert up.pids("postgres -D")
        told = re.findall(r"^api +\| (.*)$", up.text, re.MULTILINE)
        assert any("Started parent process" in line for line in told)
        assert {json.loads(line)["process"] for line in told} == {"api"}
        assert "NOTILOG_DATABASE_URL" in (tmp_path / "state" / "assumed.env").read_text()
        assert "(shown this once" not in up.text
        family = up.family()
        os.kill(up.process.pid, signal.SIGINT)
        up.process.wait(timeout=10)
        assert gone(family)


@pytest.mark.parametrize("option", ["--port", "--flower-port"])
def test_a_busy_port_is_refused(tmp_path: Path, option: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        done = run(tmp_path, "up", option, port)
    assert_refused(done, f"port {port}", "is busy", option)
    assert not (tmp_path / "state" / "postgres").exists()


def test_a_host_that_is_not_of_this_machine_is_refused(tmp_path: Path) -> None:
    assert_refused(run(tmp_path, "up", "--host", "192.0.2.1"), "192.0.2.1")


def test_a_state_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(tmp_path, "up", "--state-dir", "file/state")
    assert_refused(done, "cannot write", "--state-dir")


def test_a_state_directory_in_use_is_refused(tmp_path: Path) -> None:
    with held(tmp_path / "state"):
        done = run(tmp_path, "up")
    assert_refused(done, "in use by process", str(os.getpid()))
    assert holder(tmp_path / "state") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTILOG_DATABASE_URL", "mysql://me:s3cret@localhost/x"),
        ("NOTILOG_REDIS_URL", "localhost"),
        ("NOTILOG_BROKER_URL", "kafka://me:s3cret@localhost"),
        ("NOTILOG_BROKER_URL", f"amqp://me:s3cret@{UNREACHABLE}//"),
        ("NOTILOG_BROKER_URL", f"redis://:s3cret@{UNREACHABLE}/0"),
        ("NOTILOG_REDIS_URL", f"redis://:s3cret@{UNREACHABLE}/0"),
        ("NOTILOG_DATABASE_URL", f"postgresql://me:s3cret@{UNREACHABLE}/x"),
    ],
)
def test_a_wrong_or_dead_url_is_refused_before_anything_is_started(
    tmp_path: Path, name: str, value: str
) -> None:
    settings = {"NOTILOG_SECRET_KEY": "k" * 32, name: value}
    ports = ("--port", str(free_port()), "--flower-port", str(free_port()))
    done = run(tmp_path, "up", *ports, **settings)
    assert_refused(done, name)
    assert "s3cret" not in done.stderr + done.stdout
    assert "Redis" not in done.stdout


def test_beside_a_named_database_the_secret_key_must_be_named(
    tmp_path: Path, database_url: str
) -> None:
    ports = ("--port", str(free_port()), "--flower-port", str(free_port()))
    done = run(tmp_path, "up", *ports, NOTILOG_DATABASE_URL=database_url)
    assert_refused(done, "NOTILOG_SECRET_KEY is not set")


def test_named_servers_are_used_instead_of_embedded_ones(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    settings = {
        "NOTILOG_DATABASE_URL": database_url,
        "NOTILOG_REDIS_URL": redis_url,
        "NOTILOG_SECRET_KEY": "k" * 32,
        "NOTILOG_ADMIN_PASSWORD": "a password of the tests",
    }
    with running(tmp_path, **settings) as up:
        assert not (tmp_path / "state" / "postgres").exists()
        assert not any("redis-server" in _command(one) for one in up.family())
        assert "shown this once" not in up.text
    with psycopg.connect(database_url) as connection:
        (admins,) = connection.execute("SELECT count(*) FROM users").fetchone() or (0,)
    assert admins == 1
