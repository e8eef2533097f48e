"""The agent as a process, against a server that answers, delays, refuses, breaks off or is away."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.integration.agent_program.programs import ROOT, agent, leave, status
from tests.integration.agent_program.welcoming import CODE, TOKEN, Fake, stored, welcoming
from tests.servers.process import wait_until


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Of a machine that is enrolled."""
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "token").write_text(TOKEN)
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def following(log: Path, **more: Any) -> dict[str, Any]:
    return {"files": [{"path": str(log), "project": "shop", "module": "app"}], **more}


def write(log: Path, first: int, last: int) -> list[str]:
    lines = [f"line {number}" for number in range(first, last)]
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
    return lines


def numbered(last: int) -> list[str]:
    return [f"line {number}" for number in range(last)]


def test_it_enrols_once_and_keeps_the_token(fake: Fake, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with agent(fake.url, state, "--code", CODE) as process:
        wait_until(lambda: bool(fake.of("heartbeat")), "a heartbeat")
        assert leave(process) == 0
    assert (state / "token").read_text().strip() == TOKEN
    assert stat.S_IMODE((state / "token").stat().st_mode) == 0o600
    with agent(fake.url, state):
        wait_until(lambda: bool(fake.of("auth")), "the second start")
    assert fake.of("auth")[0]["token"] == TOKEN
    assert fake.of("enrol")[0]["agent"]["name"]


def test_a_wrong_code_ends_it(fake: Fake, tmp_path: Path) -> None:
    with agent(fake.url, tmp_path / "state", "--code", "wrong") as process:
        assert process.wait(10) == 2
    assert "refuses the code" in (tmp_path / "agent.err").read_text()


def test_lines_are_told_with_where_they_are_from(fake: Fake, state: Path, log: Path) -> None:
    fake.settings = following(log)
    log.write_bytes("начало\nнедо\xff\n".encode("latin-1", "replace"))
    log.write_bytes("начало\n".encode() + b"bad \xff byte\n")
    with agent(fake.url, state) as process:
        wait_until(lambda: len(fake.messages) == 2, "two lines")
        assert leave(process) == 0
    first, second = fake.records
    assert first["message"] == "начало"
    assert second["message"] == "bad \N{REPLACEMENT CHARACTER} byte"
    assert (first["project"], first["module"], first["level"]) == ("shop", "app", "info")
    assert first["attrs"] == {"file": str(log), "offset": 0}
    assert first["ts"] < second["ts"]


def test_settings_come_while_it_runs_and_bad_ones_are_refused(
    fake: Fake, state: Path, log: Path
) -> None:
    write(log, 0, 10)
    with agent(fake.url, state):
        wait_until(lambda: bool(fake.of("heartbeat")), "a heartbeat")
        fake.push({"files": [{"path": "relative", "project": "shop"}]})
        wait_until(lambda: bool(fake.of("settings_refused")), "the refusal")
        fake.push(following(log))
        wait_until(lambda: fake.messages == numbered(10), "the lines")
        wait_until(
            lambda: fake.of("heartbeat")[-1]["settings_version"] == fake.version, "the version"
        )
    refused = fake.of("settings_refused")[0]
    assert refused["version"] == 2
    assert [error["field"] for error in refused["errors"]] == ["files.0.path"]


def test_a_heartbeat_says_how_the_machine_is(fake: Fake, state: Path, log: Path) -> None:
    write(log, 0, 3)
    check = {"name": "server", "kind": "port", "host": "127.0.0.1", "port": fake.port}
    fake.settings = following(log, checks=[check], check_seconds=1)
    with agent(fake.url, state):
        wait_until(lambda: bool(fake.of("heartbeat")[-1:] and _checks(fake)), "a check")
        wait_until(lambda: bool(fake.of("heartbeat")[-1]["files"]), "a file")
        wait_until(lambda: "server: ok" in status(state).stdout, "the status")
        seen = fake.of("heartbeat")[-1]
        said = status(state)
    assert 0 <= seen["metrics"]["memory"] <= 1
    assert "/" in seen["metrics"]["disk"]
    assert seen["checks"][0]["ok"] is True
    assert seen["files"] == [{"path": str(log), "offset": 21, "lag": 0}]
    assert said.returncode == 0
    assert "connected since" in said.stdout
    assert "server: ok" in said.stdout
    assert status(state).returncode == 1


def _checks(fake: Fake) -> list[Any]:
    return list(fake.of("heartbeat")[-1]["checks"])


BROKEN = """import psutil

def fail(*_arguments, **_options):
    raise {error}

psutil.{name} = fail
"""


@pytest.mark.parametrize(
    ("name", "error", "is_said"),
    [
        ("swap_memory", "PermissionError('not here')", False),
        ("pids", "RuntimeError('nobody thought of it')", True),
    ],
)
def test_a_machine_that_does_not_tell_how_it_is_stays_connected(
    fake: Fake, state: Path, tmp_path: Path, name: str, error: str, *, is_said: bool
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN.format(name=name, error=error))
    with agent(fake.url, state, env={**os.environ, "PYTHONPATH": str(tmp_path)}):
        wait_until(lambda: len(fake.of("heartbeat")) >= 3, "some heartbeats")
    assert len(fake.of("auth")) == 1
    said = (tmp_path / "agent.err").read_text()
    assert said.count("cannot be measured") == (1 if is_said else 0)
    assert ("memory" in fake.of("heartbeat")[-1]["metrics"]) is not is_said


def test_what_is_postponed_or_lost_on_the_way_comes_again_under_its_id(
    fake: Fake, state: Path, log: Path
) -> None:
    def answer(batch: UUID, times: int) -> dict[str, Any] | None:
        if times == 1:
            return {"type": "later", "batch": str(batch), "seconds": 0.1, "reason": "busy"}
        return None if times == 2 else stored(batch, times)

    fake.settings, fake.answer = following(log), answer
    write(log, 0, 2500)
    with agent(fake.url, state):
        wait_until(lambda: fake.messages == numbered(2500), "every line")
        wait_until(lambda: not _spooled(state), "an empty spool")
    assert all(fake.arrivals.count(batch) == 3 for batch in fake.batches)


def test_what_is_refused_is_counted_and_forgotten(fake: Fake, state: Path, log: Path) -> None:
    fake.settings = following(log)
    fake.answer = lambda batch, _times: {"type": "refused", "batch": str(batch), "reason": "no"}
    write(log, 0, 10)
    with agent(fake.url, state):
        wait_until(
            lambda: (
                bool(fake.of("heartbeat")) and fake.of("heartbeat")[-1]["spool"]["dropped"] == 10
            ),
            "the count",
        )
    assert not _spooled(state)


def postponed(batch: UUID, _times: int) -> dict[str, Any]:
    reason = "the token has not the right logs:write"
    return {"type": "later", "batch": str(batch), "seconds": 0.2, "reason": reason}


def test_what_the_server_does_not_take_is_kept_and_the_status_says_why(
    fake: Fake, state: Path, log: Path
) -> None:
    fake.settings, fake.answer = following(log), postponed
    lines = write(log, 0, 10)
    with agent(fake.url, state):
        wait_until(lambda: "not the right logs:write" in status(state).stdout, "the status")
        assert _spooled(state)
        fake.answer = stored
        wait_until(lambda: fake.messages == lines, "the lines")
        wait_until(lambda: "not the right" not in status(state).stdout, "the status")


def test_batches_are_as_small_as_the_server_wants_them(fake: Fake, state: Path, log: Path) -> None:
    fake.settings, fake.answer = following(log), postponed
    write(log, 0, 2500)
    with agent(fake.url, state) as process:
        wait_until(lambda: bool(fake.arrivals), "a batch")
        wait_until(lambda: f"{log}: at {log.stat().st_size}," in status(state).stdout, "the rest")
        assert leave(process) == 0
    times: dict[UUID, int] = {}

    def answer(batch: UUID, _times: int) -> dict[str, Any] | None:
        times[batch] = times.get(batch, 0) + 1
        return stored(batch, 1) if times[batch] > 1 else None  # it is lost on the way once

    fake.batch_records, fake.answer = 150, answer
    with agent(fake.url, state):
        wait_until(lambda: len(fake.messages) >= 1000, "some lines")
    with agent(fake.url, state):
        wait_until(lambda: not _spooled(state), "an empty spool", patience=60)
        assert sorted(fake.messages) == sorted(numbered(2500))
        write(log, 2500, 3000)
        wait_until(lambda: len(fake.messages) == 3000, "the others")
    assert all(len(batch) <= 150 for batch in fake.batches.values())
    assert fake.messages[2500:] == numbered(3000)[2500:]


def test_a_large_heartbeat_is_made_to_fit(fake: Fake, state: Path, tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{'д' * 100}{number}.log").write_text("one\n")
    check = {"kind": "port", "host": "127.0.0.1", "port": 1}
    checks = [{"name": f"{'д' * 45} {number}", **check} for number in range(200)]
    files = [{"path": str(tmp_path / "*.log"), "project": "shop"}]
    fake.settings = {"files": files, "checks": checks, "check_seconds": 1}
    with agent(fake.url, state):
        wait_until(lambda: len(fake.of("heartbeat")[-1:] and _checks(fake)) == 200, "the checks")
        wait_until(lambda: bool(fake.of("heartbeat")[-1]["files"]), "files")
    assert max(fake.sizes) < 64 * 1024


def test_the_machine_says_what_may_be_read_and_asked(
    fake: Fake, state: Path, tmp_path: Path
) -> None:
    for name in ("logs", "secrets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.log").write_text(f"{name}\n")
    (tmp_path / "logs" / "link.log").symlink_to(tmp_path / "secrets" / "app.log")
    check = {"name": "far", "kind": "url", "url": "http://169.254.169.254/"}
    allowed = ("--allow-path", f"{tmp_path}/logs/**", "--allow-host", "127.0.0.1")
    with agent(fake.url, state, *allowed):
        wait_until(lambda: bool(fake.of("heartbeat")), "a heartbeat")
        fake.push({**following(tmp_path / "secrets" / "app.log"), "checks": [check]})
        wait_until(lambda: bool(fake.of("settings_refused")), "the refusal")
        fake.push(following(tmp_path / "logs" / "*.log"))
        wait_until(lambda: bool(fake.messages), "the line")
        errors = tmp_path / "agent.err"
        wait_until(lambda: "link.log is not read" in errors.read_text(), "the notice")
    assert fake.messages == ["logs"]
    fields = [error["field"] for error in fake.of("settings_refused")[0]["errors"]]
    assert fields == ["files.0.path", "checks.0.url"]
    with agent(fake.url, state, "--allow-path", "logs") as process:
        assert process.wait(10) == 2


def test_a_damaged_position_is_said_and_nothing_is_sent_twice(
    fake: Fake, state: Path, log: Path, tmp_path: Path
) -> None:
    fake.settings = following(log)
    lines = write(log, 0, 10)
    with agent(fake.url, state) as process:
        wait_until(lambda: fake.messages == lines and not _spooled(state), "the lines")
        assert leave(process) == 0
    positions = state / "positions.json"
    positions.write_bytes(bytes(positions.stat().st_size))
    with agent(fake.url, state) as process:
        assert process.wait(10) == 2
    assert "positions.json is damaged" in (tmp_path / "agent.err").read_text()
    assert fake.messages == lines


def test_nothing_is_lost_while_the_server_is_away(state: Path, log: Path) -> None:
    fake = Fake(settings=following(log))
    with welcoming(fake), agent(fake.url, state):
        write(log, 0, 10)
        wait_until(lambda: fake.messages == numbered(10), "the first lines")
        wait_until(lambda: not _spooled(state), "an empty spool")
    with agent(fake.url, state) as process:
        write(log, 10, 20)
        wait_until(lambda: bool(_spooled(state)), "a batch on the disk")
        assert leave(process) == 0
    write(log, 20, 30)
    with agent(fake.url, state):
        wait_until(lambda: len(_spooled(state)) >= 2, "another one")
        with welcoming(fake):
            wait_until(lambda: fake.messages == numbered(30), "every line")


def test_kills_neither_lose_nor_double_a_line(fake: Fake, state: Path, log: Path) -> None:
    """Killed again and again while the log is written and rotated, and answers get lost."""
    fake.settings = following(log)
    fake.answer = lambda batch, times: (
        None if times == 1 and batch.int % 3 == 0 else stored(batch, 1)
    )
    log.touch()
    with agent(fake.url, state):
        wait_until((state / "positions.json").exists, "the log is known")
    written = 0
    for turn in range(8):
        with agent(fake.url, state) as process:
            for _ in range(10):
                write(log, written, written + 700)
                written += 700
                time.sleep(0.02 * (turn % 3 + 1))
            if turn % 2:
                log.rename(log.with_name(f"app.log.{100 - turn}"))
            time.sleep(0.13 * turn)
            process.kill()
    with agent(fake.url, state):
        wait_until(lambda: len(fake.messages) >= written, "every line", patience=60)
        time.sleep(0.5)
    assert fake.messages == numbered(written)
    times = [record["ts"] for record in fake.records]
    assert times == sorted(times)


def test_a_full_spool_stops_reading_and_drops_nothing(state: Path, log: Path) -> None:
    fake = Fake(settings=following(log))
    with welcoming(fake), agent(fake.url, state):
        wait_until(lambda: bool(fake.of("heartbeat")), "the settings")
    lines = [os.urandom(20_000).hex() for _ in range(400)]
    log.write_text("".join(f"{line}\n" for line in lines))
    with agent(fake.url, state, "--spool-mib", "4"):
        wait_until(lambda: "FULL" in status(state).stdout, "a full spool")
        with welcoming(fake):
            wait_until(lambda: len(fake.messages) == len(lines), "every line", patience=60)
    assert fake.messages == lines


def test_standard_input_is_told_to_its_end(fake: Fake, state: Path) -> None:
    with agent(fake.url, state, "--stdin", "shop/pipe", stdin=subprocess.PIPE) as process:
        process.communicate(b"one\ntwo\nno end", timeout=20)
        assert process.returncode == 0
    assert fake.messages == ["one", "two", "no end"]
    assert fake.records[0]["module"] == "pipe"


JOURNALCTL = """#!{python}
import json, sys, time
with open({calls!r}, "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
after = [a.split("=")[1] for a in sys.argv if a.startswith("--after-cursor=")]
for number in range(int(after[0]) + 1 if after else 0, 5 if after else 3):
    print(json.dumps({{"__CURSOR": str(number), "MESSAGE": "entry %d" % number, "PRIORITY": "4",
        "_SYSTEMD_UNIT": "ssh.service", "__REALTIME_TIMESTAMP": "1764000000000000"}}), flush=True)
time.sleep(600)
"""


def test_the_journal_goes_on_behind_its_cursor(fake: Fake, state: Path, tmp_path: Path) -> None:
    fake.settings = {"journald": {"project": "host", "units": ["ssh.service"]}}
    calls, programs = tmp_path / "calls", tmp_path / "bin"
    programs.mkdir()
    (programs / "journalctl").write_text(JOURNALCTL.format(python=sys.executable, calls=str(calls)))
    (programs / "journalctl").chmod(0o755)
    path = {"env": {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}}
    with agent(fake.url, state, **path) as process:
        wait_until(lambda: len(fake.messages) == 3, "the first entries")
        wait_until(lambda: not _spooled(state), "an empty spool")
        process.kill()
    with agent(fake.url, state, **path) as process:
        wait_until(lambda: len(fake.messages) == 5, "the others")
        assert leave(process) == 0
    assert fake.messages == [f"entry {number}" for number in range(5)]
    record = fake.records[0]
    assert (record["module"], record["level"], record["project"]) == ("ssh", "warning", "host")
    assert "--after-cursor=2" in calls.read_text()


def test_it_leaves_soon_and_has_spooled_what_it_read(state: Path, log: Path) -> None:
    fake = Fake(settings=following(log))
    with welcoming(fake), agent(fake.url, state):
        wait_until(lambda: bool(fake.of("heartbeat")), "the settings")
    write(log, 0, 10)
    with agent(fake.url, state) as process:
        wait_until(lambda: f"{log}: at" in status(state).stdout, "a look at the log")
        began = time.monotonic()
        assert leave(process) == 0
    assert time.monotonic() - began < 3
    assert _spooled(state)


def test_two_agents_never_work_on_one_folder(fake: Fake, state: Path) -> None:
    with agent(fake.url, state):
        wait_until(lambda: bool(fake.of("heartbeat")), "the first")
        with agent(fake.url, state) as second:
            assert second.wait(10) == 2


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, notilog.agent.__main__; heavy = {'celery', 'sqlalchemy', 'psycopg', 'fastapi',"
        "'pydantic', 'structlog', 'typer', 'rich', 'redis', 'kombu', 'msgspec', 'starlette'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_command_of_the_whole_platform_is_the_same(fake: Fake, state: Path) -> None:
    with agent(fake.url, state):
        wait_until(lambda: "connected since" in status(state).stdout, "the connection")
        code = "from notilog.ops.cli import main; main()"
        done = subprocess.run(
            (sys.executable, "-c", code, "agent", "status", "--state", str(state)),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("running\n")


def test_http_to_another_machine_is_refused(state: Path) -> None:
    with agent("http://logs.example.org", state) as process:
        assert process.wait(10) == 2


def _spooled(state: Path) -> list[Path]:
    return list((state / "spool").glob("*.batch"))
