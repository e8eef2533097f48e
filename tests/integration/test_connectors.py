"""What every connector must do, whatever it does with records."""

from pathlib import Path
from typing import get_args

import pytest

from notilog import settings as schema
from notilog.config import Section
from notilog.logs.connectors import CONNECTORS
from notilog.logs.connectors.connector import Handed
from notilog.logs.limits import ConnectorName
from tests.integration.alerting import failure, handed

pytestmark = pytest.mark.usefixtures("database")


def test_the_setting_names_them_all() -> None:
    assert set(get_args(ConnectorName)) == set(CONNECTORS)


@pytest.mark.parametrize("name", CONNECTORS)
async def test_it_takes_batches_and_none_and_damaged_ones(
    environment: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_LOGS__FILES__FOLDER", str(tmp_path / "files"))
    environment.setenv("NOTILOG_LOGS__FILES__KEEP_FREE_BYTES", "0")
    schema.load()
    kind = CONNECTORS[name]
    assert kind.label
    assert issubclass(kind.settings, Section)
    assert kind.settings.section == f"logs.{name}"
    connector = kind.make()
    good = handed(failure(), failure("sold"))
    damaged = Handed(good.id, good.accepted_at, good.rows[:-3])
    for batches in ([good], [], [damaged], [good, damaged, good]):
        await connector.take(batches)
    await connector.close()
