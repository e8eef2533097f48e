"""Records on their way from the API through a real worker into a file, and into an archive."""

from pathlib import Path

import pytest

from tests.integration.conftest import Person
from tests.integration.log_files.lines import messages, names
from tests.servers import worker as servers
from tests.servers.process import wait_until

CART = {"level": "info", "project": "shop", "module": "cart"}


async def test_a_worker_writes_switches_and_packs(
    environment: pytest.MonkeyPatch, ann: Person, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_LOGS__CONNECTORS", '["files"]')
    environment.setenv("NOTILOG_LOGS__FILES__KEEP_FREE_BYTES", "0")
    environment.setenv("NOTILOG_LOGS__FILES__SWITCH_BYTES", "1")
    folder = tmp_path / "logs"
    app = servers.sender()
    with servers.worker(tmp_path, "-Q", "logs"):
        for message in ("one", "two"):
            answer = await ann.api.post("logs", json={**CART, "message": message})
            assert answer.status_code == 202
            wait_until(lambda: message in (folder / "shop/cart.log").read_text(), "the line")  # noqa: B023
        app.send_task("logs.tidy_files")
        wait_until(lambda: names(folder)[-1].endswith(".zst"), "the archive")
    app.close()
    assert sorted(messages(folder)) == ["one", "two"]
