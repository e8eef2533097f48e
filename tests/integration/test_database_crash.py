"""While its database crashes and recovers the API refuses clearly, and goes on by itself."""

import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from notilog import clock
from notilog.config import Settings
from notilog.db.session import transaction
from notilog.users import accounts, sessions
from notilog.users.accounts import Name, NewAccount
from tests.servers.api import api
from tests.servers.postgres import Cluster, answers
from tests.servers.process import wait_until

CRASHES = 2
PATHS = ("users", "users/ann", "sessions/current", "tokens", "logs", "health")


@pytest.fixture
async def bearer(database: None) -> dict[str, str]:
    async with transaction() as tx:
        new = NewAccount(login="ann", name=Name(first="Ann", last="Lee"), role="admin")
        ann = await accounts.create(tx, new, password_hash=None)
        opened = await sessions.open_session(tx, ann.id, now=clock.now())
    return {"Authorization": f"Bearer {opened.id}"}


def test_a_crash_of_the_database_is_at_worst_a_503_and_passes(
    settings: Settings, cluster: Cluster, bearer: dict[str, str], tmp_path: Path
) -> None:
    seen: Counter[int] = Counter()
    crashing = threading.Event()

    def ask(client: httpx.Client, path: str) -> None:
        while not crashing.is_set():
            answer = client.get(path)
            seen[answer.status_code] += 1
            assert answer.status_code < 500 or answer.json()["status"] == 503, answer.text

    with (
        api(tmp_path) as url,
        httpx.Client(base_url=f"{url}/api/v1/", headers=bearer, timeout=30) as client,
        ThreadPoolExecutor(len(PATHS)) as threads,
    ):
        asked = [threads.submit(ask, client, path) for path in PATHS]
        try:
            for _ in range(CRASHES):
                wait_until(lambda: answers(cluster.server.url), "PostgreSQL's recovery")
                _wait_for_more(seen, 200, than=seen[200])
                _crash(cluster)
            _wait_for_more(seen, 200, than=seen[200])
        finally:
            crashing.set()
        for one in asked:
            one.result()
    # A short recovery is waited for, a longer one is a 503; nothing else is ever answered.
    assert set(seen) <= {200, 503}


def _wait_for_more(seen: Counter[int], status: int, *, than: int) -> None:
    wait_until(lambda: seen[status] > than, f"another answer {status}")


def _crash(cluster: Cluster) -> None:
    """Kill one of the API's backends, upon which PostgreSQL ends all others and recovers."""
    wait_until(lambda: _killed(cluster), "a connection of the API")


def _killed(cluster: Cluster) -> bool:
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'notilog'"
    try:
        with psycopg.connect(cluster.server.url, autocommit=True) as connection:
            found = connection.execute(query).fetchone()
    except psycopg.OperationalError:  # it still recovers
        return False
    if found is not None:
        os.kill(found[0], signal.SIGKILL)
    return found is not None
