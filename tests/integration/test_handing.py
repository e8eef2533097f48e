"""What a connector cannot take waits for it, and stops neither the store nor the others."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from notilog import clock
from notilog import settings as schema
from notilog.db.session import reading, transaction
from notilog.logs import handing
from notilog.logs.batch import Batch
from notilog.logs.intake import Sent, accept
from notilog.logs.tables import LogRetryRow
from tests.integration.log_files.lines import messages
from tests.integration.log_traffic import record

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def folder(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the files connector; something else is in its place."""
    environment.setenv("NOTILOG_LOGS__FILES__FOLDER", str(tmp_path / "files"))
    environment.setenv("NOTILOG_LOGS__FILES__KEEP_FREE_BYTES", "0")
    environment.setattr(handing, "PAUSE", 0)
    schema.load()
    made = tmp_path / "files"
    made.write_text("in the way")
    return made


def batch(message: str) -> Batch:
    return accept(Sent(json.dumps(record(message)).encode()), now=clock.now())


def clear(folder: Path) -> None:
    folder.unlink()


def written(folder: Path) -> str:
    (file,) = folder.rglob("*.log")
    return file.read_text()


def blocked_file(folder: Path) -> Path:
    """Something that is no file, where the records of the shop should go."""
    (folder / "shop").mkdir(parents=True)
    os.mkfifo(folder / "shop" / "cart.log")
    return folder / "shop" / "cart.log"


async def waiting() -> list[LogRetryRow]:
    async with reading() as tx:
        return list(await tx.scalars(select(LogRetryRow)))


async def test_it_is_given_again_until_it_can_be_taken(folder: Path) -> None:
    sent = batch("kept")
    assert await handing.hand([sent], ["files", "live"]) == []
    (row,) = await waiting()
    assert (row.connector, row.batch_id, row.rows) == ("files", sent.id, sent.rows)
    now = clock.now()
    assert not await handing.retry("files", now)  # not due yet
    later = row.attempt_at + timedelta(seconds=1)
    assert not await handing.retry("files", later)
    (again,) = await waiting()
    assert (again.attempts, again.attempt_at > later) == (2, True)
    clear(folder)
    await handing.retry("files", again.attempt_at)
    assert await waiting() == []
    assert "kept" in written(folder)
    await handing.close()


async def test_only_what_is_lacking_is_given_again(folder: Path) -> None:
    clear(folder)
    blocked = blocked_file(folder)
    sent = accept(
        Sent(json.dumps([record("a"), record("b", project="bank"), record("c")]).encode()),
        now=clock.now(),
    )
    assert await handing.hand([sent, batch("d")], ["files"]) == []
    lacking = await waiting()
    assert len(lacking) == 2
    assert len(lacking[0].rows) < len(sent.rows)  # without the one that is written
    clear(blocked)
    for row in lacking:
        await handing.retry("files", row.attempt_at)
    assert sorted(messages(folder)) == ["a", "b", "c", "d"]
    await handing.close()


async def test_it_is_given_up_after_a_day(folder: Path) -> None:
    await handing.hand([batch("lost")], ["files"])
    old = clock.now() - timedelta(days=1, minutes=1)
    async with transaction() as tx:
        await tx.execute(update(LogRetryRow).values(accepted_at=old, attempt_at=old))
    await handing.retry("files", clock.now())
    assert await waiting() == []
    await handing.close()
