"""Batches on disk: oldest first, each held by one, and never more than there is room for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from notilog.agent.batches import Batch
from notilog.agent.spool import Spool, SpoolClaim
from tests.servers.process import wait_until

MIB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "deep" / "spool", 10 * MIB)


def batch(number: int, *, size: int = 100) -> Batch:
    return Batch(f"{number:032x}", number, b"." * size)


def claimed(spool: Spool) -> SpoolClaim:
    claim = spool.claim()
    assert claim is not None
    return claim


def neighbour(spool: Spool) -> Spool:
    """The spool of another process."""
    return Spool(spool._folder, 10 * MIB)  # noqa: SLF001


def test_batches_come_back_whole_oldest_first(spool: Spool) -> None:
    sent = [batch(number) for number in (3, 1, 2)]
    for one in sent:
        spool.put(one)
    assert spool.has_own()
    for one in sent:
        claim = claimed(spool)
        assert claim.batch == one
        claim.done()
    assert spool.claim() is None
    assert not spool.has_own()


def test_a_batch_that_is_released_is_the_next_one_again(spool: Spool) -> None:
    for number in (1, 2):
        spool.put(batch(number))
    claimed(spool).release()
    assert claimed(spool).batch.records == 1


def test_a_batch_is_held_by_one_at_a_time_and_gone_when_it_is_done(spool: Spool) -> None:
    other = neighbour(spool)
    for number in (1, 2):
        spool.put(batch(number))
    mine, theirs = claimed(spool), claimed(other)
    assert (mine.batch.records, theirs.batch.records) == (1, 2)
    assert spool.claim() is other.claim() is None
    mine.release()
    claimed(other).done()
    assert spool.claim() is None
    theirs.done()
    assert not spool.has_own()


def test_what_a_killed_process_held_is_taken_over(spool: Spool) -> None:
    spool.put(batch(7))
    code = (
        "import sys, time; from pathlib import Path; from notilog.agent.spool import Spool;"
        f"claim = Spool(Path({str(spool._folder)!r}), {MIB}).claim();"  # noqa: SLF001
        "print(claim.batch.records, flush=True); time.sleep(60)"
    )
    with subprocess.Popen((sys.executable, "-c", code), stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"7\n"
        assert spool.claim() is None
        holder.kill()
    wait_until(lambda: spool.claim() is not None, "the takeover")


def test_beyond_the_room_the_oldest_are_removed_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    for number in range(1, 9):
        spool.put(batch(number, size=250_000))
    kept = [claimed(spool) for _ in range(4)]
    assert [claim.batch.records for claim in kept] == [5, 6, 7, 8]
    assert spool.claim() is None
    assert spool.removed == 1 + 2 + 3 + 4


def test_what_somebody_holds_is_not_removed(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    spool.put(batch(1, size=600_000))
    held = claimed(neighbour(spool))
    spool.put(batch(2, size=600_000))
    assert held.batch.records == 1
    assert spool.removed == 2
    held.release()
    assert claimed(spool).batch.records == 1


def test_nobody_else_may_read_it_and_other_files_are_left_alone(spool: Spool) -> None:
    spool.put(batch(1))
    folder = spool._folder  # noqa: SLF001
    (folder / "notes.txt").write_text("mine")
    (file,) = folder.glob("*.gz")
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    claimed(spool).done()
    assert spool.claim() is None
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_half_written_batch_is_never_sent_and_removed_in_the_end(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    old, new = (tmp_path / f"{number}.part" for number in (1, 2))
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    spool.put(batch(1))
    assert not old.exists()
    assert new.exists()
    claimed(spool).done()
    assert spool.claim() is None


def test_a_folder_that_was_deleted_is_made_again(spool: Spool) -> None:
    assert spool.claim() is None
    spool.put(batch(1))
    (file,) = spool._folder.iterdir()  # noqa: SLF001
    file.unlink()
    spool._folder.rmdir()  # noqa: SLF001
    assert spool.claim() is None
    spool.put(batch(2))
    assert claimed(spool).batch.records == 2


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = Spool(tmp_path / "file", MIB)
    with pytest.raises(OSError, match="file"):
        spool.put(batch(1))
    assert not spool.has_own()
