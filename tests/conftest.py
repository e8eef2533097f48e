"""Servers, databases and settings that every kind of test may ask for."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings as hypothesis_settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from notilog import settings as schema
from notilog.config import Settings
from notilog.db.session import close_database, open_database
from tests import sample
from tests.servers import postgres, rabbitmq
from tests.servers import redis as redis_server

# Most properties fail early or never; those that need more examples say so themselves.
hypothesis_settings.register_profile("notilog", max_examples=40)
hypothesis_settings.load_profile("notilog")


def pytest_report_header() -> str:
    found = sample.source()
    if found is not None:
        return f"log lines: {found}"
    return f"log lines: MADE UP; for real ones name a folder with {sample.NAME}: NOTILOG_TEST_DATA"


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped
    """A file's tests run in one process, and so do all that share the running platform."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder, _, name = file.rpartition("/")
        shares = folder == "tests/acceptance" and name not in {"test_agent.py", "test_faults.py"}
        return "platform" if shares else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Scheduling:
    return _Scheduling(config, log)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Cluster]:
    with postgres.cluster(tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
def database_url(cluster: postgres.Cluster) -> Iterator[str]:
    """A fresh migrated database."""
    with cluster.fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def redis_base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server.server(tmp_path_factory.mktemp("redis")) as made:
        yield made.url


@pytest.fixture
def redis_url(redis_base_url: str) -> Iterator[str]:
    """An empty Redis."""
    with redis.Redis.from_url(redis_base_url) as client:
        client.flushall()
        yield redis_base_url


@pytest.fixture(scope="session")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not rabbitmq.installed():
        pytest.skip("rabbitmq-server is not installed: apt-get install rabbitmq-server")
    with rabbitmq.node(tmp_path_factory.mktemp("rabbitmq")) as made:
        yield made.url


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str, redis_url: str
) -> pytest.MonkeyPatch:
    """The environment that this process, and programs it starts, are configured by."""
    # Celery's settings are a module, made from what was set when it was first imported.
    monkeypatch.delitem(sys.modules, "celeryconfig", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTILOG_DATABASE_URL", database_url)
    monkeypatch.setenv("NOTILOG_REDIS_URL", redis_url)
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
    return monkeypatch


@pytest.fixture
def settings(environment: pytest.MonkeyPatch) -> Settings:
    return schema.load()


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[None]:
    """This process's pools, open on a fresh migrated database."""
    await open_database(settings)
    yield
    await close_database()
