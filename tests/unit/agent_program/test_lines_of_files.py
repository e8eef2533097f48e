"""Lines of one file: cut, unfinished, endless ones; and knowing a file again."""

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from notilog.agent.program import lane
from notilog.agent.program import tailing as module
from notilog.agent.program.lines_of_files import Followed, Truncated
from notilog.agent.program.records import CUT_MARK, LONGEST_LINE, LONGEST_TEXT, Stamper
from notilog.agent.program.settings import FileRule
from notilog.agent.program.tailing import Tailing


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.touch()
    return path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def taken(file: Followed, *, is_final: bool = False) -> list[bytes]:
    file.look()
    lines = file.peek(1000, is_final=is_final)
    if lines:
        file.move(lines[-1])
    return [line.text for line in lines if line.text]


def test_a_line_waits_for_its_end(log: Path) -> None:
    file = Followed(str(log))
    append(log, b"one\r\n\ntw")
    assert taken(file) == [b"one"]
    assert file.lag == 2
    append(log, b"o\nthree")
    assert taken(file) == [b"two"]
    assert taken(file, is_final=True) == [b"three"]
    file.close()


def test_a_line_without_end_is_cut_and_the_rest_of_it_passed_over(log: Path) -> None:
    file = Followed(str(log))
    append(log, b"x" * (LONGEST_LINE + 1))
    assert taken(file) == [b"x" * LONGEST_LINE]
    append(log, b"y" * 1000)
    assert taken(file) == []
    again = Followed(str(log), known=file.print, goes_on=file.saved.goes_on)
    append(log, b"y\nnext\n")
    assert taken(file) == [b"next"]
    assert taken(again) == [b"next"]
    file.close()
    again.close()


def test_a_file_with_another_beginning_is_another_one(log: Path) -> None:
    append(log, b"first content\n")
    file = Followed(str(log))
    assert taken(file) == [b"first content"]
    known = file.print
    os.truncate(log, 0)
    with pytest.raises(Truncated):
        file.look()
    append(log, b"other content that is longer\n")
    file.look()
    with pytest.raises(Truncated):
        file.peek(10, is_final=False)
    with pytest.raises(Truncated):
        Followed(str(log), known=known)
    file.close()


def test_long_and_broken_texts_fit_into_a_record() -> None:
    stamper = Stamper("host")
    place = {"level": "info", "project": "p", "module": "m"}

    def message(data: bytes) -> str:
        return str(json.loads(stamper.record(data, place, attrs={}))["message"])

    assert message(b"\xd0\xb0" * LONGEST_LINE).endswith("а" + CUT_MARK)
    assert message(b"a\0\xffb") == "a\\0\N{REPLACEMENT CHARACTER}b"
    assert len(message(b"\xff" * LONGEST_LINE).encode()) <= LONGEST_TEXT
    first, second = (json.loads(stamper.record(b"x", place, attrs={})) for _ in range(2))
    assert (first["ts"], first["id"]) < (second["ts"], second["id"])


def reading(pattern: Path) -> tuple[Tailing, Callable[[], list[bytes]]]:
    tailing = Tailing(Stamper("host"), lambda _subject, _text: None)

    def read() -> list[bytes]:
        tailing.follow([FileRule(str(pattern), "p")])
        tailing.look()
        lines: list[bytes] = []
        while tailing.read(lambda record: lines.append(record) or True, 100):  # type: ignore[func-returns-value]
            pass
        return lines

    return tailing, read


def test_new_files_are_found_and_compressed_ones_are_not(tmp_path: Path) -> None:
    tailing, read = reading(tmp_path / "**" / "*.log*")
    assert read() == []
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.log").write_text("one\n")
    (tmp_path / "a.log.2.gz").write_text("two\n")
    assert len(read()) == 1
    tailing.close()


def test_a_look_that_takes_long_is_not_made_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a look is that of a clock that goes on by two seconds with every question."""
    clock = itertools.count(0, 2)
    monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    tailing = Tailing(Stamper("host"), lambda _subject, _text: None)
    tailing.follow([FileRule(str(tmp_path / "*.log"), "p")])
    tailing.look()  # from 0 to 2
    (tmp_path / "new.log").write_text("one\n")
    found = [tailing.look() for _ in range(9)]
    assert found == [False] * 8 + [True]
    tailing.close()


def test_a_half_line_of_a_rotated_file_does_not_hold_up_the_next_one_for_ever(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tailing, read = reading(log)
    append(log, b"one\nhalf")
    assert len(read()) == 1
    log.rename(log.with_name("app.log.1"))
    append(log, b"two\n")
    assert read() == []
    monkeypatch.setattr(lane, "ROTATED_LINE_WAITS", -1.0)
    assert [json.loads(record)["message"] for record in read()] == ["half", "two"]
    tailing.close()


def test_a_deleted_file_is_let_go(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tailing, read = reading(log)
    append(log, b"one\n")
    assert len(read()) == 1
    append(log, b"two\n")
    log.unlink()
    assert len(read()) == 1
    monkeypatch.setattr(lane, "DELETED_WATCHED_ON", -1.0)
    assert read() == []
    assert tailing.saved() == []
    tailing.close()
