"""The write-ahead journal: after a failure between any two steps it says the truth."""

import os
from pathlib import Path

import pytest

from notilog.agent.program import journal as module
from notilog.agent.program.journal import Journal

LARGE = 1 << 30


def test_positions_are_those_of_the_newest_batch(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LARGE)
    journal.put([b"1"], {"at": 1})
    second = journal.put([b"2"], {"at": 2})
    assert Journal(tmp_path, LARGE).positions == {"at": 2}
    journal.remove(second)
    again = Journal(tmp_path, LARGE)
    assert again.positions == {"at": 2}
    assert [batch.number for batch in again.waiting()] == [1]
    assert again.put([b"3"], {"at": 3}).number == 3


def test_an_empty_spool_keeps_the_positions_and_the_numbers(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LARGE)
    journal.remove(journal.put([b"1"], {"at": 1}))
    again = Journal(tmp_path, LARGE)
    assert again.positions == {"at": 1}
    assert again.put([b"2"], {"at": 2}).number == 2


def test_what_is_noted_counts_more_than_the_batch_before_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LARGE)
    journal.put([b"1"], {"at": 1})
    journal.note({"at": 1, "path": "new"})
    assert Journal(tmp_path, LARGE).positions == {"at": 1, "path": "new"}
    journal.put([b"2"], {"at": 2})
    assert Journal(tmp_path, LARGE).positions == {"at": 2}


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_batch_that_is_not_whole_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    journal = Journal(tmp_path, LARGE)
    journal.put([b"1"], {"at": 1})

    def fail(*_arguments: object) -> None:
        raise OSError(step)

    with monkeypatch.context() as broken:
        target = Path if step == "rename" else os
        broken.setattr(target, step, fail)
        with pytest.raises(OSError, match=step):
            journal.put([b"2"], {"at": 2})
    for one in (journal, Journal(tmp_path, LARGE)):
        assert one.positions == {"at": 1}
        assert len(one.waiting()) == 1
    assert not list(tmp_path.glob("spool/*.part"))


def test_a_batch_stays_until_its_positions_are_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, LARGE)
    batch = journal.put([b"1"], {"at": 1})

    def fail(*_arguments: object) -> None:
        raise OSError("full")

    with monkeypatch.context() as broken:
        broken.setattr(module, "write_whole", fail)
        with pytest.raises(OSError, match="full"):
            journal.remove(batch)
    assert journal.waiting() == [batch]
    assert Journal(tmp_path, LARGE).positions == {"at": 1}


@pytest.mark.parametrize("damage", [b"", bytes(40), b"[]", b'{"batch": 1}', b'{"batch'])
def test_damaged_positions_are_not_taken_for_a_first_start(tmp_path: Path, damage: bytes) -> None:
    journal = Journal(tmp_path, LARGE)
    journal.remove(journal.put([b"1"], {"at": 1}))
    (tmp_path / "positions.json").write_bytes(damage)
    with pytest.raises(OSError, match=r"positions.json is damaged.*remove it"):
        Journal(tmp_path, LARGE)
    (tmp_path / "positions.json").unlink()
    assert Journal(tmp_path, LARGE).positions == {}


def test_it_is_full_by_what_is_on_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 8192)
    first = journal.put([b"1"], {})
    assert not journal.is_full
    journal.put([b"2"], {})
    assert journal.is_full
    assert Journal(tmp_path, 8192).is_full
    journal.remove(first)
    assert not journal.is_full
