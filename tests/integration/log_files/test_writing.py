"""Writing files: by several processes, one of which dies; on a full disk; under hostile names."""

import os
import signal
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from uuid import uuid4

import pytest

from notilog.errors import Unavailable
from notilog.logs.connectors import CONNECTORS
from notilog.logs.connectors.connector import Handed
from notilog.logs.files import live
from notilog.logs.files.folder import Folder
from notilog.logs.files.writing import Unwritten
from notilog.logs.intake import Sent, accept
from tests.integration.log_files.conftest import Configure
from tests.integration.log_files.lines import (
    NOW,
    at_most,
    content,
    messages,
    names,
    record,
    write,
    writer,
)
from tests.servers.process import end, wait_until

RECORDS = 200
BATCHES = 30
SWITCH_BYTES = 400_000
CART = "shop/cart.log"


def test_processes_write_one_file_while_one_of_them_is_killed(tmp_path: Path) -> None:
    folder, outputs = tmp_path / "logs", {name: tmp_path / name for name in "abcd"}
    numbers = (str(BATCHES), str(RECORDS), str(SWITCH_BYTES), "0")
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(writer(folder, output, name, *numbers))
            for name, output in outputs.items()
        }
        wait_until(lambda: len(outputs["a"].read_text().split()) >= 5, "the first batches")
        end(processes.pop("a"), signal.SIGKILL)
        for process in processes.values():
            assert process.wait(timeout=60) == 0
    written = {batch for output in outputs.values() for batch in output.read_text().split()}
    assert len(written) >= 3 * BATCHES + 5
    closed = [name for name in names(folder) if name != CART]
    assert len(closed) >= 5
    found = _batches(folder)
    assert set(found.values()) == {1}, "a batch is torn, mixed or there twice"
    assert written <= found.keys()

    lost = f"a-{len(outputs['a'].read_text().split())}"  # what it was writing, or about to
    if lost not in found:
        write(folder, *(record(f"{lost}:{line}:again") for line in range(RECORDS)))
    assert _batches(folder)[lost] == 1


def _batches(folder: Path) -> Counter[str]:
    """How often each batch is there, whole and in one piece; a torn one counts as two more."""
    found: Counter[str] = Counter()
    parts = (message.split(":") for message in messages(folder))
    for batch, lines in groupby(parts, key=lambda part: part[0]):
        numbers = [int(line[1]) for line in lines]
        found[batch] += 1 if numbers == list(range(RECORDS)) else 2
    return found


def test_a_process_that_dies_in_the_middle_of_a_write_leaves_no_half_line(tmp_path: Path) -> None:
    folder, output, limit = tmp_path / "logs", tmp_path / "output", 300_000
    with writer(folder, output, "a", "1000", str(RECORDS), "0", str(limit)) as process:
        assert process.wait(timeout=30) == -signal.SIGXFSZ
    whole = output.read_text().split()
    assert (folder / CART).stat().st_size == limit, "it did not die in the middle"
    write(folder, record("after"))
    found = messages(folder)
    assert found.pop() == "after"
    assert [message.split(":")[0] for message in found[::RECORDS]] == whole
    assert len(found) == RECORDS * len(whole)


def test_a_file_switched_after_a_crash_has_no_half_line(tmp_path: Path) -> None:
    folder, output = tmp_path / "logs", tmp_path / "output"
    with writer(folder, output, "a", "1000", str(RECORDS), "0", "300000") as process:
        process.wait(timeout=30)
    write(folder, record("after"), switch_bytes=1000)
    assert len(names(folder)) == 2
    assert len(messages(folder)) == RECORDS * len(output.read_text().split()) + 1


def test_half_a_line_after_a_power_failure_is_cut_off(tmp_path: Path) -> None:
    write(tmp_path, record("one"))
    with (tmp_path / CART).open("ab") as file:
        file.write(b'{"message":"tw')
    write(tmp_path, record("three"))
    assert messages(tmp_path) == ["one", "three"]


def test_what_does_not_fit_is_not_there_at_all(tmp_path: Path) -> None:
    write(tmp_path, record("first"))
    with at_most(20_000), pytest.raises(Unwritten, match="too large") as caught:
        write(tmp_path, *(record("x" * 1000) for _ in range(30)))
    assert caught.value.places == list(range(30))
    assert messages(tmp_path) == ["first"]
    write(tmp_path, record("smaller"))
    assert messages(tmp_path) == ["first", "smaller"]


def test_a_disk_is_never_filled_beyond_its_reserve(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="bytes free"):
        write(tmp_path, record(), keep_free_bytes=2**62)
    assert names(tmp_path) == []
    write(tmp_path, record(), keep_free_bytes=1)


def test_a_file_is_closed_by_size_and_by_age(tmp_path: Path) -> None:
    for minutes, message in ((0, "one"), (59, "two"), (61, "three")):
        write(tmp_path, record(message), now=NOW + timedelta(minutes=minutes), switch_hours=1)
    assert names(tmp_path) == [CART, "shop/cart@20260120T111600Z-001.log"]
    for message in ("four", "five"):
        write(tmp_path, record(message), switch_bytes=100)
    assert names(tmp_path)[1:] == [
        f"shop/cart@20260120T{stamp}.log" for stamp in ("101500Z-001", "101500Z-002", "111600Z-001")
    ]
    assert sorted(messages(tmp_path)) == ["five", "four", "one", "three", "two"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", ".", "a/../../../b"])
def test_no_record_writes_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "logs"
    write(folder, record(project=name, module=name))
    write(folder, record(project=name, module=name), path="of-{module}")
    assert {path.name for path in tmp_path.iterdir()} == {"a"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"logs"}
    assert len(names(folder)) == 2


@pytest.mark.parametrize("place", ["shop", "shop/cart.log", ".live"])
def test_a_link_inside_leads_nowhere(tmp_path: Path, place: str) -> None:
    folder, outside = tmp_path / "logs", tmp_path / "outside"
    (folder / place).parent.mkdir(parents=True)
    outside.mkdir()
    (outside / "file").touch()
    (folder / place).symlink_to(outside if "." not in place[1:] else outside / "file")
    with pytest.raises((OSError, Unwritten), match=r"symbolic|directory"):
        write(folder, record())
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert not (outside / "file").stat().st_size


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "logs").symlink_to(tmp_path / "disk")
    write(tmp_path / "logs", record())
    assert names(tmp_path / "disk") == [CART]


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    os.mkfifo(tmp_path / CART)
    with pytest.raises(Unwritten, match="not a file"):
        write(tmp_path, record())


def test_a_file_that_fails_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    os.mkfifo(tmp_path / CART)
    given = [record("a", project="bank"), record("b"), record("c", project="vault"), record("d")]
    with pytest.raises(Unwritten) as caught:
        write(tmp_path, *given)
    assert caught.value.places == [1, 3]
    (tmp_path / CART).unlink()
    assert sorted(messages(tmp_path)) == ["a", "c"]


def test_however_many_modules_there_are_the_files_are_few(tmp_path: Path) -> None:
    write(tmp_path, *(record(module=f"m{number}") for number in range(30)), max_files=10)
    write(tmp_path, *(record(module=f"n{number}") for number in range(30)), max_files=10)
    made = names(tmp_path)
    assert len(made) == 11
    assert "shop/@other.log" in made
    assert len(messages(tmp_path)) == 60
    assert content(tmp_path / "shop/@other.log").count(b"\n") == 50


def test_however_many_projects_there_are_the_files_are_few(tmp_path: Path) -> None:
    write(tmp_path, *(record(project=f"p{number}") for number in range(50)), max_files=10)
    made = names(tmp_path)
    assert len(made) == 21
    assert "@other.log" in made
    assert len(messages(tmp_path)) == 50


def test_a_file_that_another_holds_for_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_PATIENCE", 0.05)
    write(tmp_path, record("one"))
    with live.held(Folder(tmp_path), CART), pytest.raises(Unwritten, match="another process"):
        write(tmp_path, record("two"))
    write(tmp_path, record("three"))
    assert messages(tmp_path) == ["one", "three"]


async def test_the_connector_writes_what_the_store_has(
    configure: Configure, tmp_path: Path
) -> None:
    configure()
    sent = b'[{"level":"info","project":"shop","module":"cart","message":"a\\nb"}]'
    rows = accept(Sent(sent), now=NOW).rows
    made = CONNECTORS["files"].make()
    await made.take([Handed(uuid4(), NOW, rows), Handed(uuid4(), NOW, rows)])
    await made.close()
    assert messages(tmp_path) == ["a\nb", "a\nb"]
