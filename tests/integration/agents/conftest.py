"""A running API whose agents beat quickly."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notilog import clock
from notilog.db.session import transaction
from notilog.users import accounts, sessions
from notilog.users.accounts import Name, NewAccount
from tests.integration.agents.speaking import Platform
from tests.servers.api import api


@pytest.fixture
def quick(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_AGENTS__HEARTBEAT_SECONDS", "1")


@pytest.fixture
async def platform(quick: None, database: None, tmp_path: Path) -> AsyncIterator[Platform]:
    account = NewAccount(login="root", name=Name(first="Root", last="Lee"), role="admin")
    async with transaction() as tx:
        row = await accounts.create(tx, account, password_hash=None)
        opened = await sessions.open_session(tx, row.id, now=clock.now())
    with api(tmp_path) as url:
        yield Platform(url, opened.id)
        assert "ntl_" not in (tmp_path / "api.log").read_text()
        assert "nte_" not in (tmp_path / "api.log").read_text()
