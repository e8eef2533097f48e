"""Nodes that serve sockets, and this process telling them what happens."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from notilog.config import Settings
from notilog.realtime import events_queue
from tests.integration.sockets.talking import person
from tests.servers.api import Node, node


@pytest.fixture
def fast(environment: pytest.MonkeyPatch) -> None:
    """Settings with which nobody waits long."""
    environment.setenv("NOTILOG_SOCKETS__AUTH_WITHIN", "1")
    environment.setenv("NOTILOG_SOCKETS__RECHECK", "0.3")
    environment.setenv("NOTILOG_SOCKETS__QUEUE", "8")
    environment.setenv("NOTILOG_SOCKETS__KEEP", "100")


@pytest.fixture
async def telling(fast: None, settings: Settings, database: None) -> AsyncIterator[None]:
    """This process tells what happens, as a worker does."""
    events_queue.open_telling(settings)
    yield
    await events_queue.close_telling()


@pytest.fixture
def nodes(telling: None, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two API processes on one Redis."""
    with ExitStack() as stack:
        made = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            made.append(stack.enter_context(node(tmp_path / name)))
        yield made[0], made[1]
        for name in ("one", "two"):
            written = (tmp_path / name / "api.log").read_text()
            assert "Traceback" not in written, written


@pytest.fixture
def url(telling: None, tmp_path: Path) -> Iterator[str]:
    """One API process, which must have nothing to complain of at the end."""
    with node(tmp_path) as made:
        yield made.url
        written = (tmp_path / "api.log").read_text()
        assert "Traceback" not in written, written
        assert "exception" not in written, written


@pytest.fixture
async def admin(telling: None) -> str:
    return await person("admin", role="admin")


@pytest.fixture
async def ann(telling: None) -> str:
    return await person("ann")
