"""The real agent and the real platform, which takes smaller batches than wait on the disk."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.agent_program.programs import agent, leave
from tests.integration.agent_program.welcoming import TOKEN, Fake, welcoming
from tests.integration.agents.speaking import Platform, soon
from tests.integration.log_traffic import Stored
from tests.servers import worker as servers

LINES = 1000


def _later(batch: UUID, _times: int) -> dict[str, object]:
    return {"type": "later", "batch": str(batch), "seconds": 60, "reason": "busy"}


def _spooled(state: Path) -> list[Path]:
    return list((state / "spool").glob("*.batch"))


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    """Of an agent that has large batches on its disk."""
    log, state = tmp_path / "app.log", tmp_path / "state"
    log.write_text("".join(f"line {number}\n" for number in range(LINES)))
    state.mkdir()
    (state / "token").write_text(TOKEN)
    rule = {"path": str(log), "project": "shop", "module": "app"}
    fake = Fake(settings={"files": [rule]}, answer=_later)
    with welcoming(fake), agent(fake.url, state) as process:
        await soon(lambda: bool(fake.arrivals), "a batch")
        leave(process)
    return state


@pytest.fixture
def small_batches(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_LOGS__BATCH_RECORDS", "30")


async def test_large_batches_are_stored_in_parts_each_line_once(
    small_batches: None, platform: Platform, state: Path, database_url: str, tmp_path: Path
) -> None:
    stored = Stored(database_url)
    (state / "token").write_text(platform.token())
    with servers.worker(tmp_path, "-Q", "logs"):
        for least in (1, 200):
            with agent(platform.url, state) as process:  # killed on the way
                await soon(lambda least=least: stored.count() >= least, "some lines")
                process.kill()
        with agent(platform.url, state):
            await soon(lambda: not _spooled(state), "an empty spool")
        await soon(lambda: stored.count() >= LINES, "every line")
    assert stored.messages() == {f"line {number}": 1 for number in range(LINES)}
