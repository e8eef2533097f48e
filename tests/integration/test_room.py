"""While there is little room, records of low levels are refused first, and errors last."""

from pathlib import Path

import pytest

from notilog import clock, config
from notilog import settings as schema
from notilog.logs import room
from notilog.logs.batch import Message
from notilog.logs.intake import received
from notilog.logs.room import ERRORS, EVERYTHING, NOTHING, Room, floor_of
from tests.integration.conftest import Person
from tests.integration.log_traffic import Stored, record
from tests.integration.waiting import until
from workers.log_intake import commit

WARNINGS = 30
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_room", Room())


@pytest.fixture
def little(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> None:
    """So many GiB for the database; with less than one left there is little room."""
    environment.setenv("NOTILOG_LOGS__DATABASE_GIB", str(request.param))
    environment.setenv("NOTILOG_LOGS__LOW_DISK_MIB", "1024")


@pytest.mark.parametrize(
    ("free", "floor"),
    [
        (None, EVERYTHING),
        (1000, EVERYTHING),
        (999, WARNINGS),
        (500, WARNINGS),
        (499, ERRORS),
        (249, NOTHING),
        (0, NOTHING),
    ],
)
def test_which_level_is_the_lowest_that_is_taken(free: int | None, floor: int) -> None:
    assert floor_of(free, limit=1000) == floor


async def test_the_disk_is_looked_at(
    environment: pytest.MonkeyPatch, tmp_path: Path, database: None
) -> None:
    assert await room.look() == Room(None, EVERYTHING)
    environment.setenv("NOTILOG_LOGS__DISK_FOLDER", str(tmp_path))
    environment.setenv("NOTILOG_LOGS__LOW_DISK_MIB", "0")
    schema.load()
    seen = await room.look()
    assert seen.free is not None
    assert seen == Room(seen.free, EVERYTHING) == room.current()
    assert seen.free > MIB


def test_a_folder_that_is_not_there_is_said(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_LOGS__DISK_FOLDER", str(tmp_path / "gone"))
    schema.load()
    (fallback,) = config.current().fallbacks
    assert fallback.setting == "NOTILOG_LOGS__DISK_FOLDER"


@pytest.mark.parametrize(
    ("little", "taken", "statuses"),
    [
        (100, "everything", [202, 202, 202]),
        (0.9, "warning and above", [422, 202, 202]),
        (0.4, "error and above", [422, 422, 202]),
        (0.1, "nothing", [503, 503, 503]),
    ],
    indirect=["little"],
)
async def test_whoever_sends_is_told(
    little: None, admin: Person, taken: str, statuses: list[int]
) -> None:
    async def health() -> str:
        return str((await admin.api.get("health")).json()["disk"]["taken"])

    async def is_known() -> bool:
        return await health() == taken

    await until(is_known)
    levels = ("info", "warning", "error")
    answers = [await admin.api.post("logs", json=record("m", level=level)) for level in levels]
    assert [answer.status_code for answer in answers] == statuses
    if statuses == [422, 202, 202]:
        assert answers[0].json()["errors"] == [
            {"field": "0", "reason": "level: there is little room; info is not taken for now"}
        ]
        mixed = [record("m", level=level) for level in levels]
        accepted = (await admin.api.post("logs", json=mixed)).json()
        assert accepted["accepted"] == 2
        assert [one["index"] for one in accepted["rejected"]] == [0]


@pytest.mark.parametrize("little", [0.1], indirect=True)
async def test_errors_of_other_programs_are_stored_to_the_end(
    little: None, database: None, database_url: str
) -> None:
    await room.look()
    bodies = [
        b'{"level": "%s", "project": "shop", "module": "cart", "message": "%s"}' % (level, level)
        for level in (b"info", b"warning", b"error")
    ]
    await commit([Message("application/json", body) for body in bodies])
    stored = Stored(database_url)
    assert stored.messages() == {"error": 1}
    assert stored.count("log_rejects") == 0
    (batch,) = received([Message("application/json", bodies[0])], now=clock.now())
    assert (batch.records, batch.rejects) == (0, ())
